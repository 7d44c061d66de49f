"""Evaluated policies of the registry: trained on the first half of a log, frozen on the second."""

from __future__ import annotations

import numpy as np
import pytest

from alphaads_pipelines.bandits.ope.registry_policies import RegistryPolicy, fit_policy, policy_contexts
from alphaads_pipelines.bandits.random import RandomPolicy
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.errors import ConfigurationError, InvalidRequest
from benchmarks.logged import SHAPES, World
from tests.bandits.ope.small_logs import small_log

WORLD = World(SHAPES["even weights"])
OURS = sorted(set(POLICIES) - {"vowpal_wabbit"})
"""Those that need no package of their own."""


def test_random_is_evaluated_on_the_whole_log() -> None:
    log = WORLD.log(30, seed=1)
    target, evaluated = fit_policy("random", log, seed=0)
    assert evaluated is log
    assert target.probabilities(log) == pytest.approx(np.full((30, 10), 0.1))


@pytest.mark.parametrize("name", [name for name in OURS if name != "random"])
def test_others_are_evaluated_on_the_half_that_they_did_not_learn_from(name: str) -> None:
    log = WORLD.log(401, seed=2)
    target, evaluated = fit_policy(name, log, seed=3)
    assert len(evaluated) == 201
    np.testing.assert_array_equal(evaluated.rewards, log.rewards[200:])
    chances = target.probabilities(evaluated)
    assert chances.shape == (201, 10)
    assert (chances > 0).all()
    assert chances.sum(axis=1) == pytest.approx(np.ones(201))
    flattered = log.take(slice(None))
    flattered.rewards[200:] = 1 - flattered.rewards[200:]
    np.testing.assert_array_equal(fit_policy(name, flattered, seed=3)[0].probabilities(evaluated), chances)


def test_it_learns_from_the_first_half() -> None:
    log = WORLD.log(4_000, seed=4)
    rewarded = log.take(slice(None))
    rewarded.rewards[:] = (log.chosen == 7).astype(float)
    target, evaluated = fit_policy("epsilon_greedy", rewarded, seed=0)
    assert target.probabilities(evaluated)[:, 7].min() > 0.9


def test_a_policy_is_asked_only_about_eligible_arms() -> None:
    eligible = np.array([[True, True, False], [False, True, True], [False, False, True], [True, True, True]])
    log = small_log(eligible=eligible)
    found = RegistryPolicy(RandomPolicy(), seed=0).probabilities(log)
    assert found == pytest.approx(np.array([[1 / 2, 1 / 2, 0], [0, 1 / 2, 1 / 2], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]]))


def test_contexts_stand_behind_a_constant() -> None:
    assert policy_contexts(small_log()).tolist() == [[1, 0], [1, 1], [1, 2], [1, 3]]


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="unknown policy 'psychic'; known: epsilon_greedy"):
        fit_policy("psychic", WORLD.log(10, seed=1), seed=0)
    with pytest.raises(InvalidRequest, match="too short"):
        fit_policy("thompson", WORLD.log(1, seed=1), seed=0)
