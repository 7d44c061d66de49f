"""LinUCB and linear Thompson sampling against the papers' formulas."""

from __future__ import annotations

import json
from math import erf, sqrt

import numpy as np
import pytest

from alphaads_pipelines.bandits.base import Outcomes
from alphaads_pipelines.bandits.context import FEATURES, vector
from alphaads_pipelines.bandits.linear_thompson import DRAWS, LinearThompsonPolicy
from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from alphaads_pipelines.errors import InvalidRequest, SchemaMismatch

ARMS = ["a", "b", "c", "d"]
EXPLORATION = LinUCBPolicy.EXPLORATION


def test_linucb_follows_algorithm_1_step_by_step() -> None:
    """Li et al. 2010, disjoint models: A and b of each arm, the greatest theta'x + alpha sqrt(x' A^-1 x) is shown."""
    dice, alpha, d = np.random.default_rng(5), 0.7, 6
    policy = LinUCBPolicy(features=d, width=alpha)
    a, b = np.stack([np.eye(d)] * len(ARMS)), np.zeros((len(ARMS), d))
    truth = dice.normal(size=(len(ARMS), d)) / 3
    for step in range(120):
        x = dice.normal(size=d)
        bounds = [
            b[k] @ np.linalg.solve(a[k], x) + alpha * sqrt(x @ np.linalg.solve(a[k], x)) for k in range(len(ARMS))
        ]
        best, are_best = int(np.argmax(bounds)), np.isclose(bounds, max(bounds))
        wanted = (1 - EXPLORATION) * are_best / are_best.sum() + EXPLORATION / len(ARMS)
        assert policy.propensities(ARMS, x, step) == pytest.approx(wanted)
        reward = float(dice.random() < 1 / (1 + np.exp(-truth[best] @ x)))
        policy.learn(Outcomes([ARMS[best]], x[None], np.array([reward])))
        a[best] += np.outer(x, x)
        b[best] += reward * x


def test_arms_of_equal_bounds_share_alike() -> None:
    policy = LinUCBPolicy()
    policy.learn(Outcomes(["a"] * 50, np.tile(vector({}), (50, 1)), np.zeros(50)))
    assert policy.propensities(["a", "new", "newer"], {}, 1) == pytest.approx(
        [EXPLORATION / 3, (1 - EXPLORATION) / 2 + EXPLORATION / 3, (1 - EXPLORATION) / 2 + EXPLORATION / 3]
    )


def test_two_arms_of_linear_thompson_meet_the_closed_form() -> None:
    """The chance that one normal number is greater than another."""
    policy, x = LinearThompsonPolicy(), vector({"mood": "joy"})
    policy.learn(Outcomes(["a", "b"], np.stack([x, x]), np.array([8.0, 3.0]), np.array([20.0, 15.0])))
    means, deviations = policy.scores(["a", "b"], x[None])
    assert means[0] == pytest.approx([8 * 2 / (1 + 20 * 2), 3 * 2 / (1 + 15 * 2)])
    gap = float(means[0, 0] - means[0, 1]) / (policy.width * float(np.hypot(*deviations[0])))
    chance, seeds = (1 + erf(gap / sqrt(2))) / 2, 60
    average = sum(policy.propensities(["a", "b"], x, seed)[0] for seed in range(seeds)) / seeds
    wanted = (1 - EXPLORATION) * chance + EXPLORATION / 2
    assert average == pytest.approx(wanted, abs=4 * sqrt(0.25 / (DRAWS * seeds)))


def test_what_was_learned_on_another_layout_is_not_gone_by() -> None:
    policy = LinUCBPolicy()
    policy.update({"a": (100, 50)})
    state = {**policy.state(), "layout": 0}
    assert LinUCBPolicy.from_state(state).state() == LinUCBPolicy().state()


@pytest.mark.parametrize("damaged", ["", "AAAA", "not base64"])
def test_sums_that_cannot_be_read_are_refused(damaged: str) -> None:
    policy = LinUCBPolicy()
    policy.update({"a": (100, 50), "b": (1, 1)})
    state = policy.state()
    with pytest.raises(SchemaMismatch):
        LinUCBPolicy.from_state({**state, "sums": {**state["sums"], "a": damaged}})


def test_features_out_of_all_proportion_are_refused_and_change_nothing() -> None:
    policy = LinUCBPolicy(features=2)
    before = json.dumps(policy.state())
    for wrong in (np.array([[1e7, 0.0]]), np.array([[np.nan, 0.0]]), np.ones((1, 3))):
        with pytest.raises(InvalidRequest):
            policy.learn(Outcomes(["a"], wrong, np.ones(1)))
    assert json.dumps(policy.state()) == before


def test_sizes_are_part_of_the_state() -> None:
    again = LinUCBPolicy.from_state(LinUCBPolicy(features=3, width=2.0, exploration=0.1).state())
    assert (again.features, again.width, again.exploration) == (3, 2.0, 0.1)
    assert LinUCBPolicy.from_state({}).features == FEATURES


def test_the_weight_of_an_informed_prior_is_part_of_the_state() -> None:
    policy = LinUCBPolicy()
    policy.update({"a": (100, 50)})
    before = {**policy.state()}
    policy.inform()
    assert LinUCBPolicy.from_state(policy.state()).ridge.ridge == LinUCBPolicy.INFORMED
    del before["weight"], before["exploration"]
    assert LinUCBPolicy.from_state(before).ridge.ridge == 1.0, "a state of before knows no weight"
