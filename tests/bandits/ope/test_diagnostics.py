"""Diagnostics: sound logs are left in peace, broken ones named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from alphaads_pipelines.bandits.ope.diagnostics import (
    ARMS,
    DOMINATED,
    UNSUPPORTED,
    WEIGHTS,
    check_arms,
    describe_problems,
    diagnose,
)
from alphaads_pipelines.bandits.ope.estimators import weigh
from alphaads_pipelines.bandits.ope.evaluation_policy import EvaluationPolicy
from alphaads_pipelines.bandits.ope.logs import Log
from benchmarks.logged import SHAPES, World
from tests.bandits.ope.small_logs import Fixed

WORLD = World(SHAPES["even weights"])


def _problems(log: Log, target: EvaluationPolicy = WORLD) -> list[str]:
    return diagnose(log, weigh(log, target, seed=0)).problems


@pytest.mark.parametrize("shape", list(SHAPES))
def test_sound_logs_are_left_in_peace(shape: str) -> None:
    world = World(SHAPES[shape])
    refuted = [seed for seed in range(15) if {WEIGHTS, ARMS} & set(_problems(world.log(2_000, seed), world))]
    assert not refuted


def _halved(log: Log) -> Log:
    return replace(log, propensities=log.propensities / 2)


def _at_random(log: Log) -> Log:
    return replace(log, propensities=np.full(len(log), 1 / len(log.arms)))


def _certain(log: Log) -> Log:
    return replace(log, propensities=np.ones(len(log)))


def _shuffled(log: Log) -> Log:
    return replace(log, propensities=np.random.default_rng(0).permutation(log.propensities))


@pytest.mark.parametrize("broken", [_halved, _at_random, _certain, _shuffled])
def test_broken_propensities_are_found(broken: object) -> None:
    assert callable(broken)
    assert ARMS in _problems(broken(WORLD.log(3_000, seed=1)))


def test_weights_show_propensities_that_are_too_small() -> None:
    log = _halved(WORLD.log(3_000, seed=1))
    assert WEIGHTS in _problems(log)
    assert any("have the mean" in each for each in describe_problems(diagnose(log, weigh(log, WORLD, seed=0))))


def test_arms_are_compared_with_the_records_in_which_they_were_eligible() -> None:
    random = np.random.default_rng(2)
    n = 4_000
    eligible = np.ones((n, 2), dtype=bool)
    eligible[: n // 2, 1] = False
    second = (random.random(n) < 0.5) & eligible[:, 1]
    log = Log(
        arms=("a", "b"),
        chosen=second.astype(np.int64),
        propensities=np.where(eligible[:, 1], 0.5, 1.0),
        rewards=np.zeros(n),
        contexts=np.zeros((n, 0), dtype=np.float32),
        positions=np.zeros(n, dtype=np.int64),
        eligible=eligible,
    )
    assert [each.is_off for each in check_arms(log)] == [False, False]
    assert [each.ratio.value for each in check_arms(log)] == pytest.approx([1.0, 1.0], abs=0.06)
    everywhere = replace(log, eligible=None)
    assert [each.is_off for each in check_arms(everywhere)] == [False, True]


def test_arms_that_the_log_never_drew_are_no_support() -> None:
    log = WORLD.log(1_000, seed=3)
    log = log.take(log.chosen != 4)
    found = diagnose(log, weigh(log, Fixed(*[0.1] * 10), seed=0))
    assert UNSUPPORTED in found.problems
    assert found.unsupported_share == pytest.approx(0.1)


def test_one_record_that_outweighs_all_others_is_named() -> None:
    log = WORLD.log(100, seed=4)
    propensities = log.propensities.copy()
    propensities[0] = 1e-4
    assert DOMINATED in _problems(replace(log, propensities=propensities))


def test_a_log_of_the_policy_itself_is_sound_whatever_the_rounding() -> None:
    log = _at_random(WORLD.log(1_000, seed=5))
    random = np.random.default_rng(1)
    log = replace(log, chosen=random.integers(10, size=1_000), propensities=np.full(1_000, 0.1 * (1 + 1e-12)))
    found = diagnose(log, weigh(log, Fixed(*[0.1] * 10), seed=0))
    assert found.problems == []
    assert found.on_policy.value == pytest.approx(log.rewards.mean())
    assert found.min_propensity == pytest.approx(0.1)
