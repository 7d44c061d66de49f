"""Epsilon-greedy by hand."""

from __future__ import annotations

import pytest

from alphaads_pipelines.bandits.epsilon_greedy import EPSILON, EpsilonGreedyPolicy


def test_the_best_mean_gets_all_but_epsilon_and_equals_share() -> None:
    policy = EpsilonGreedyPolicy()
    policy.update({"a": (98, 19), "b": (98, 39), "c": (98, 39)})
    assert policy.propensities(["a", "b"], {}, 1) == pytest.approx([EPSILON / 2, 1 - EPSILON / 2])
    each = (1 - EPSILON) / 2 + EPSILON / 3
    assert policy.propensities(["a", "b", "c"], {}, 1) == pytest.approx([EPSILON / 3, each, each])


def test_a_new_arm_begins_at_the_mean_of_the_prior() -> None:
    policy = EpsilonGreedyPolicy()
    policy.update({"a": (98, 19)})
    assert policy.posterior("new") == (1.0, 1.0)
    assert policy.propensities(["a", "new"], {}, 1).argmax() == 1
    policy.inform()
    assert policy.posterior("new") == pytest.approx((2 * 0.2, 2 * 0.8)), "(19 + 1) / (98 + 2) with the weight of two"
    policy.update({"a": (1, 1)})
    assert policy.propensities(["a", "new"], {}, 1).argmax() == 0
