"""Estimators: by hand on four records, where they have to agree, and that none of them is off."""

from __future__ import annotations

import numpy as np
import pytest

from alphaads_pipelines.bandits.ope.estimators import (
    ESTIMATORS,
    WeightedLog,
    clipped_ips,
    dr,
    ips,
    snips,
    switch_dr,
    weigh,
)
from alphaads_pipelines.errors import InvalidRequest
from benchmarks.logged import SHAPES, World
from tests.bandits.ope.small_logs import Fixed, small_log


def _weighted(weights: list[float], rewards: list[float], predicted: float, expected: float) -> WeightedLog:
    n = len(weights)
    constant = np.full(n, predicted), np.full(n, expected), np.zeros(n)
    return WeightedLog(np.array(weights), np.array(rewards), *constant, (0.0, 1.0))


def test_weights_are_the_policys_probability_over_the_logged_one() -> None:
    found = weigh(small_log(), Fixed(0.2, 0.3, 0.5), seed=0)
    assert found.weights == pytest.approx([0.4, 1.2, 2.0, 0.4])
    assert found.effective_samples == pytest.approx(4.0**2 / (0.16 + 1.44 + 4.0 + 0.16))
    assert found.unsupported == pytest.approx([0.3, 0.5, 0.3, 0.5]), "slot 1 drew a and c, slot 2 a and b"


def test_values_by_hand() -> None:
    log = _weighted([0.5, 1.5, 3.0, 0.0], [1.0, 0.0, 1.0, 1.0], predicted=0.4, expected=0.6)
    assert ips(log).value == pytest.approx(3.5 / 4)
    assert clipped_ips(log).value == pytest.approx((0.5 + 2.0) / 4), "the cap is the root of 4"
    assert snips(log).value == pytest.approx(3.5 / 5.0)
    assert dr(log).value == pytest.approx(0.6 + (0.5 * 0.6 - 1.5 * 0.4 + 3.0 * 0.6) / 4)
    assert switch_dr(log).value == pytest.approx(0.6 + (0.5 * 0.6 - 1.5 * 0.4) / 4)


def test_ips_is_not_clipped() -> None:
    log = _weighted([40.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0], predicted=0.0, expected=0.0)
    assert ips(log).value == 10.0
    assert clipped_ips(log).value == pytest.approx(0.5)
    assert clipped_ips(log).high == 1.0, "what was cut off may be worth all of it"


def test_on_the_policy_that_made_the_log_they_are_its_mean_reward() -> None:
    world = World(SHAPES["even weights"])
    log = world.log(2_000, seed=4)
    same = WeightedLog(
        np.ones(2_000), log.rewards, np.full(2_000, 0.3), np.full(2_000, 0.3), np.zeros(2_000), (0.0, 1.0)
    )
    for name, estimator in ESTIMATORS.items():
        assert estimator(same).value == pytest.approx(log.rewards.mean()), name


def test_with_a_perfect_model_only_the_doubly_robust_ones_know_everything() -> None:
    random = np.random.default_rng(1)
    rewards, weights = np.full(500, 0.25), random.exponential(size=500)
    log = WeightedLog(weights, rewards, rewards, rewards, np.zeros(500), (0.0, 1.0))
    assert dr(log).value == switch_dr(log).value == 0.25
    assert ips(log).value != pytest.approx(0.25, abs=1e-3)
    assert dr(log).high - dr(log).low < 0.3 * (ips(log).high - ips(log).low)


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_a_long_log_tells_the_truth(name: str) -> None:
    world = World(SHAPES["even weights"])
    found = ESTIMATORS[name](weigh(world.log(60_000, seed=2), world, seed=0))
    assert found.value == pytest.approx(world.truth, abs=0.01)
    assert found.high - found.low < 0.015
    assert abs(world.truth - world.truth_of_log) > 0.02, "else the log's own mean would do"


def test_rewards_of_another_range_scale_values_and_bounds() -> None:
    world = World(SHAPES["even weights"])
    log = weigh(world.log(500, seed=3), world, seed=0)
    tenfold = WeightedLog(
        log.weights, 10 * log.rewards, 10 * log.predicted, 10 * log.expected, log.unsupported, (0.0, 10.0)
    )
    for name, estimator in ESTIMATORS.items():
        once, more = estimator(log), estimator(tenfold)
        assert (more.low, more.value, more.high) == pytest.approx((10 * once.low, 10 * once.value, 10 * once.high)), (
            name
        )


def test_what_cannot_be_evaluated_is_refused() -> None:
    log = small_log()
    with pytest.raises(InvalidRequest, match="no records"):
        weigh(log.take(slice(0, 0)), Fixed(0.2, 0.3, 0.5), seed=0)
    with pytest.raises(InvalidRequest, match="none of the arms"):
        weigh(log.take(np.array([0, 3])), Fixed(0.0, 0.5, 0.5), seed=0)


def test_a_single_record_says_nearly_nothing() -> None:
    found = weigh(small_log().take(slice(0, 1)), Fixed(0.5, 0.25, 0.25), seed=0)
    for name in ("ips", "snips"):
        assert ESTIMATORS[name](found).high == 1.0
        assert ESTIMATORS[name](found).low == 0.0


def test_progress_reaches_the_number_of_records() -> None:
    done: list[int] = []
    weigh(World(SHAPES["even weights"]).log(300, seed=1), Fixed(*[0.1] * 10), seed=0, advance=done.append)
    assert sum(done) == 300
