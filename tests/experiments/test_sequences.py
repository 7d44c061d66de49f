"""Error rates under continuous peeking stay within their bounds, while a z-test's do not."""

from __future__ import annotations

import numpy as np
import pytest

from alphaads_pipelines.experiments.sample_ratio import THRESHOLD, check_sample_ratio
from alphaads_pipelines.experiments.sequences import (
    Floats,
    Moments,
    mean_sequence,
    multinomial_log_evidence,
    rate_sequence,
)

ALPHA = 0.05
RUNS, UNITS = 200, 2_000


def _arms(seed: int, share: float = 0.5) -> tuple[np.random.Generator, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng, rng.random((RUNS, UNITS)) < share


def _conversions(seed: int, rate: float, lift: float, share: float = 0.5) -> tuple[Floats, Floats]:
    """Conversions so far of control and treatment, after every unit."""
    rng, treated = _arms(seed, share)
    hourly = rate * (1 + 0.5 * np.sin(np.arange(UNITS) / 150))  # the rate comes and goes with the hour
    converted = rng.random((RUNS, UNITS)) < np.where(treated, hourly * (1 + lift), hourly)
    return np.cumsum(converted & ~treated, axis=1), np.cumsum(converted & treated, axis=1)


def _moments(values: Floats, chosen: np.ndarray, centre: float = 0.0) -> Moments:
    powers = np.stack([np.cumsum(np.where(chosen, (values - centre) ** power, 0.0), axis=1) for power in (1, 2, 3, 4)])
    return Moments(np.cumsum(chosen, axis=1).astype(np.float64), powers, centre)


def _ever_rejected_by_z(control: Moments, treatment: Moments) -> float:
    """How often a z-test at ALPHA, done after each unit from the hundredth on, rejects at least once."""
    variance = control.variance / control.units + treatment.variance / treatment.units
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.abs(treatment.mean - control.mean) / np.sqrt(variance)
    return float((np.nan_to_num(z[:, 100:], posinf=0.0).max(axis=1) > 1.959964).mean())


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_rates_without_an_effect_are_rejected_no_more_often_than_stated(share: float) -> None:
    control, treatment = _conversions(1, 0.2, 0.0, share)
    shares = np.array([1 - share, share])
    evidence = multinomial_log_evidence(np.stack([control, treatment], axis=-1), shares, 30 * shares)
    assert (evidence.max(axis=1) >= np.log(1 / ALPHA)).mean() <= ALPHA
    every_tenth = rate_sequence(control[:, ::10], treatment[:, ::10], share / (1 - share), ALPHA)
    assert 0 < (every_tenth.p_value[:, -1] <= ALPHA).mean() <= ALPHA


def test_a_lift_is_found_and_covered_at_every_look() -> None:
    control, treatment = _conversions(2, 0.2, 0.5)
    found = rate_sequence(control[:, ::50], treatment[:, ::50], 1.0, ALPHA)
    assert (found.p_value[:, -1] <= ALPHA).mean() > 0.9, "power"
    covered = (found.low[:, -1] <= 0.5) & (found.high[:, -1] >= 0.5)
    assert covered.mean() >= 1 - ALPHA
    assert np.median(found.effect[:, -1]) == pytest.approx(0.5, abs=0.05)


OUTCOMES = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "skewed": lambda rng, shape: rng.exponential(size=shape),
    "rare": lambda rng, shape: np.where(rng.random(shape) < 0.1, rng.exponential(20.0, shape), 0.0),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_means_without_an_effect_are_rejected_no_more_often_than_stated_and_a_z_test_breaks(name: str) -> None:
    rng, treated = _arms(3)
    values = OUTCOMES[name](rng, treated.shape)
    control, treatment = _moments(values, ~treated), _moments(values, treated)
    with np.errstate(invalid="ignore", divide="ignore"):
        assert _ever_rejected_by_z(control, treatment) > 4 * ALPHA, "the same streams, judged by a z-test"
    sequence = mean_sequence(control, treatment, ALPHA, UNITS)
    assert (sequence.p_value[:, -1] <= ALPHA).mean() <= ALPHA


@pytest.mark.parametrize("name", ["normal", "skewed"])
def test_a_difference_of_means_is_found_and_covered_at_every_look(name: str) -> None:
    rng, treated = _arms(4)
    values = OUTCOMES[name](rng, treated.shape) + 0.25 * treated
    sequence = mean_sequence(_moments(values, ~treated), _moments(values, treated), ALPHA, UNITS)
    assert (sequence.p_value[:, -1] <= ALPHA).mean() > 0.95, "power"
    covered = (sequence.low[:, -1] <= 0.25) & (sequence.high[:, -1] >= 0.25)
    assert covered.mean() >= 1 - ALPHA


def test_interval_and_p_value_say_the_same() -> None:
    rng, treated = _arms(5)
    values = rng.normal(size=treated.shape) + 0.1 * treated
    means = mean_sequence(_moments(values, ~treated), _moments(values, treated), ALPHA, UNITS)
    rates = rate_sequence(*(each[:, ::25] for each in _conversions(5, 0.2, 0.3)), 1.0, ALPHA)
    for sequence in (means, rates):
        excludes_zero = (sequence.low > 0) | (sequence.high < 0)
        assert 0.1 < excludes_zero[:, -1].mean() < 0.95
        np.testing.assert_array_equal(excludes_zero, sequence.p_value <= ALPHA)


def test_an_effect_that_turns_around_is_told_as_intervals_that_contradict_each_other() -> None:
    steps = np.arange(1, 101, dtype=np.float64)
    treatment = np.where(steps <= 30, 20 * steps, 600 + 2 * (steps - 30))
    turned = rate_sequence(10 * steps, treatment, 1.0, ALPHA)
    assert turned.low[-1] > turned.high[-1]


def test_nothing_is_claimed_before_there_is_something() -> None:
    none = rate_sequence(np.zeros(3), np.zeros(3), 1.0, ALPHA)
    assert np.isnan(none.effect).all()
    assert (none.low == -1).all()
    assert np.isposinf(none.high).all()
    assert (none.p_value == 1).all()
    one_sided = rate_sequence(np.zeros(1), np.array([30.0]), 1.0, ALPHA)
    assert one_sided.low[0] > 0
    assert np.isposinf(one_sided.high[0])


def test_a_mean_of_rare_sales_waits_for_enough_of_them() -> None:
    """Of 2,000 units three bought: a normal interval would be a guess."""
    values = np.zeros((1, 4000))
    values[0, [100, 900, 1700]] = 50.0
    values[0, 2000:3000] = np.arange(1000) % 7
    treated = np.arange(4000)[None, :] >= 2000
    control, treatment = _moments(values, ~treated), _moments(values, treated)
    assert control.effective_units[0, -1] == pytest.approx(3, abs=0.1)
    assert treatment.effective_units[0, -1] > 100
    sequence = mean_sequence(control, treatment, ALPHA, 4000)
    assert np.isneginf(sequence.low).all()
    assert (sequence.p_value == 1).all()


def test_where_the_centre_lies_changes_nothing() -> None:
    rng, treated = _arms(6)
    values = rng.normal(1000.0, 1.0, treated.shape)[:20]
    pairs = [
        mean_sequence(_moments(values, ~treated[:20], at), _moments(values, treated[:20], at), ALPHA, UNITS)
        for at in (999.0, 1001.0)
    ]
    np.testing.assert_allclose(pairs[0].low[:, -1], pairs[1].low[:, -1], rtol=1e-6)


def test_a_sound_split_passes_after_every_unit_and_a_broken_one_does_not() -> None:
    rng = np.random.default_rng(8)
    shares = np.array([5000.0, 3000.0, 2000.0])

    def check(probabilities: list[float]) -> bool:
        units = np.cumsum(rng.multinomial(1, probabilities, size=10_000), axis=0)
        return check_sample_ratio(units, shares).is_passed

    assert all(check([0.5, 0.3, 0.2]) for _ in range(40))
    assert not any(check([0.5, 0.26, 0.24]) for _ in range(10))


def test_ten_thousand_units_split_52_to_48_are_a_mismatch() -> None:
    for units, is_passed in (((5_200.0, 4_800.0), False), ((4_800.0, 5_200.0), False), ((5_050.0, 4_950.0), True)):
        assert check_sample_ratio(np.array([units]), np.ones(2)).is_passed is is_passed
    drawn = np.random.default_rng(11).binomial(50, 0.52, (500, 200)).cumsum(axis=1)
    units = np.stack([drawn, 50 * np.arange(1, 201) - drawn], axis=-1).astype(np.float64)
    found = np.mean([not check_sample_ratio(run, np.ones(2)).is_passed for run in units])
    assert found > 0.7, "of streams that are drawn so; half of them are further apart than that, half less"


def test_the_threshold_of_the_split_is_rarely_crossed_by_chance_where_a_fixed_test_often_is() -> None:
    rng = np.random.default_rng(9)
    first = np.cumsum(rng.random((RUNS, UNITS)) < 0.5, axis=1)
    so_far = np.arange(1, UNITS + 1)
    units = np.stack([first, so_far - first], axis=-1)
    failed = [not check_sample_ratio(run, np.ones(2)).is_passed for run in units]
    assert sum(failed) / RUNS <= 0.01, THRESHOLD
    z = np.abs(first - so_far / 2) / np.sqrt(so_far / 4)
    assert (z[:, 100:].max(axis=1) > 2.5758).mean() > 0.05, "at a level of 0.01, looked at after every unit"
