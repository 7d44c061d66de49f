"""Intervals of means and ratios: by hand, in their limits, and properties that hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from alphaads_pipelines.bandits.ope.intervals import Estimate, mean_interval, ratio_interval


def _hall(values: np.ndarray, side: int) -> float:
    """The bound as Hall's paper has it, without the second thought of an added record."""
    n, deviation = len(values), values.std(ddof=1)
    skew = stats.skew(values)
    x = side * stats.t.ppf(0.975, n - 1) / np.sqrt(n)
    return float(values.mean() - deviation * 3 / skew * (np.cbrt(1 + skew * (x - skew / (6 * n))) - 1))


def test_bounds_are_the_wider_of_hall_and_of_student_with_one_record_more() -> None:
    values = np.random.default_rng(3).exponential(size=40)
    found = mean_interval(values, (0.0, 2.0))
    student = [
        stats.t.interval(0.95, 40, np.mean(more), stats.sem(more)) for more in (np.r_[values, 0], np.r_[values, 2])
    ]
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(min(_hall(values, 1), student[0][0]))
    assert found.high == pytest.approx(max(_hall(values, -1), student[1][1]))


def test_in_a_long_log_without_skewness_it_is_the_normal_interval() -> None:
    values = np.random.default_rng(4).normal(size=100_000)
    found, error = mean_interval(values, (-1.0, 1.0)), stats.sem(values)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.02 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.02 * error)


def test_numbers_far_from_zero_lose_no_precision() -> None:
    values = np.random.default_rng(5).exponential(size=200)
    near, far = mean_interval(values, (0.0, 2.0)), mean_interval(values + 1e6, (1e6, 1e6 + 2.0))
    assert far.low - 1e6 == pytest.approx(near.low, abs=1e-6)
    assert far.high - 1e6 == pytest.approx(near.high, abs=1e-6)


def test_where_nothing_was_rewarded_the_upper_bound_is_not_zero() -> None:
    nothing = mean_interval(np.zeros(1_000), (0.0, 1.0))
    assert (nothing.value, nothing.low) == (0.0, 0.0)
    assert 0.002 < nothing.high < 0.005, "about three in a thousand, as the rule of three has it"
    ratio = ratio_interval(np.ones(1_000), np.zeros(1_000), 1.0, (0.0, 1.0))
    assert ratio.high == pytest.approx(nothing.high, rel=0.1)


def test_a_ratio_with_even_weights_is_a_mean() -> None:
    rewards = np.random.default_rng(6).binomial(1, 0.2, size=300).astype(float)
    ratio, mean = ratio_interval(np.full(300, 2.5), rewards, 2.5, (0.0, 1.0)), mean_interval(rewards, (0.0, 1.0))
    assert ratio.value == pytest.approx(mean.value)
    assert (ratio.low, ratio.high) == pytest.approx((mean.low, mean.high), rel=0.06)


def test_a_ratio_does_not_change_when_all_weights_grow() -> None:
    random = np.random.default_rng(7)
    weights, rewards = random.exponential(size=200), random.binomial(1, 0.3, size=200).astype(float)
    once, thrice = (ratio_interval(k * weights, rewards, k * 2.0, (0.0, 1.0)) for k in (1.0, 3.0))
    assert (once.low, once.value, once.high) == pytest.approx((thrice.low, thrice.value, thrice.high), abs=1e-7)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 50), st.sampled_from([0.0, 1.0])), min_size=1, max_size=30).filter(
        lambda records: sum(weight for weight, _ in records) > 1e-3
    )
)
@example([(1.0, 0.0), (2.3e-161, 1.0)])
def test_every_interval_holds_its_value(records: list[tuple[float, float]]) -> None:
    weights, rewards = np.array(records).T
    typical = float(weights @ weights / weights.sum())
    mean = mean_interval(weights * rewards, (0.0, typical))
    ratio = ratio_interval(weights, rewards, typical, (0.0, 1.0))
    for found in (mean, ratio):
        assert np.isfinite([found.low, found.high]).all()
        assert found.low <= found.value + 1e-9
        assert found.high >= found.value - 1e-9
    assert -1e-9 <= ratio.low <= ratio.high <= 1 + 1e-9


def test_more_confidence_is_wider() -> None:
    values = np.random.default_rng(8).exponential(size=50)
    usual, sure = (mean_interval(values, (0.0, 2.0), confidence) for confidence in (0.95, 0.999))
    assert sure.low < usual.low < usual.high < sure.high


def test_bounds_are_cut_to_what_is_possible_and_never_past_the_value() -> None:
    assert Estimate(0.5, -0.2, 1.4).within(0.0, 1.0) == Estimate(0.5, 0.0, 1.0)
    assert Estimate(1.2, 0.9, 1.6).within(0.0, 1.0) == Estimate(1.2, 0.9, 1.2)
