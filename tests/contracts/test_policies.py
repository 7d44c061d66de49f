"""What every bandit policy promises, checked against all of them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.bandits.base import Policy
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.errors import InvalidRequest

ARMS = ["arm-a", "arm-b", "arm-c", "arm-d"]
CONTEXT: dict[str, Any] = {"mood": "joy", "placement": "feed"}
TAUGHT = {"arm-a": (200, 20), "arm-b": (180, 27), "arm-c": (50, 1)}


@pytest.fixture(params=list(POLICIES))
def kind(request: pytest.FixtureRequest) -> type[Policy]:
    return POLICIES.load(request.param)


@pytest.fixture
def policy(kind: type[Policy]) -> Policy:
    """A policy that has learned something of three arms, and nothing of the fourth."""
    built = kind.from_state({})
    built.update(TAUGHT)
    return built


def test_its_name_is_the_one_in_the_registry(kind: type[Policy]) -> None:
    assert POLICIES.load(kind.name) is kind


@pytest.mark.parametrize("arms", [ARMS, ARMS[:1], ARMS[::-1], [f"arm-{n}" for n in range(200)]])
def test_probabilities_are_a_distribution_over_the_eligible_arms(policy: Policy, arms: list[str]) -> None:
    for seed in range(10):
        probabilities = policy.propensities(arms, CONTEXT, seed)
        assert probabilities.shape == (len(arms),)
        assert (probabilities > 0).all(), "an arm that cannot be drawn can never be evaluated"
        assert probabilities.sum() == pytest.approx(1.0, abs=1e-12)


def test_nothing_to_choose_from_is_refused(policy: Policy) -> None:
    with pytest.raises(InvalidRequest):
        policy.choose([], CONTEXT, 1)


def test_the_same_seed_gives_the_same_draw(policy: Policy) -> None:
    for seed in range(50):
        assert policy.choose(ARMS, CONTEXT, seed) == policy.choose(ARMS, CONTEXT, seed)
    assert len({policy.choose(ARMS, CONTEXT, seed).arm_id for seed in range(200)}) > 1


def test_the_logged_propensity_is_that_of_the_drawn_arm(policy: Policy) -> None:
    for seed in range(50):
        choice = policy.choose(ARMS, CONTEXT, seed)
        assert choice.seed == seed
        assert choice.propensity == policy.propensities(ARMS, CONTEXT, seed)[ARMS.index(choice.arm_id)]


def test_arms_are_drawn_as_often_as_their_propensities_say(policy: Policy) -> None:
    n = 4_000
    expected = sum((policy.propensities(ARMS, CONTEXT, seed) for seed in range(n)), np.zeros(len(ARMS)))
    drawn = Counter(policy.choose(ARMS, CONTEXT, seed).arm_id for seed in range(n))
    statistic = sum((drawn[arm] - each) ** 2 / each for arm, each in zip(ARMS, expected, strict=True))
    assert statistic < 16.3, "chi-square with 3 degrees of freedom: exceeded once in a thousand seeds"


def test_draws_are_fresh_beside_the_propensities(policy: Policy) -> None:
    """The draw may not lean on the randomness that made the propensities: their ratio must average to one."""
    n = 4_000
    weights = [1.0 / policy.choose(ARMS, CONTEXT, seed).propensity for seed in range(n)]
    assert np.mean(weights) == pytest.approx(len(ARMS), rel=0.15), "the sum over arms of p / p is the number of arms"


def test_state_comes_back_through_json(kind: type[Policy], policy: Policy) -> None:
    again = kind.from_state(json.loads(json.dumps(policy.state())))
    assert again.state() == policy.state()
    for seed in range(20):
        assert again.choose(ARMS, CONTEXT, seed) == policy.choose(ARMS, CONTEXT, seed)


def test_an_empty_state_is_a_new_policy_that_prefers_nobody(kind: type[Policy]) -> None:
    new = kind.from_state({})
    assert new.state() == kind.from_state(new.state()).state()
    average = sum((new.propensities(ARMS, CONTEXT, seed) for seed in range(200)), np.zeros(len(ARMS))) / 200
    assert average == pytest.approx(np.full(len(ARMS), 1 / len(ARMS)), abs=0.02)


def test_a_state_taken_is_not_changed_by_later_updates(policy: Policy) -> None:
    state = policy.state()
    before = json.dumps(state)
    policy.update({"arm-a": (10, 10)})
    assert json.dumps(state) == before


def test_grouping_and_order_of_updates_do_not_matter(kind: type[Policy], policy: Policy) -> None:
    other = kind.from_state({})
    for arm, (pulls, rewards) in reversed(TAUGHT.items()):
        for part in range(pulls):
            other.update({arm: (1, int(part < rewards))})
    assert other.state() == policy.state()


def test_new_arms_join_and_vanished_arms_come_back(policy: Policy) -> None:
    assert policy.propensities([*ARMS, "newcomer"], CONTEXT, 1)[-1] > 0
    policy.update({"newcomer": (5, 1)})
    alone = policy.propensities(["newcomer"], CONTEXT, 1)
    assert alone.tolist() == [1.0]
    kept = policy.state()
    policy.choose(["newcomer"], CONTEXT, 2)
    assert policy.state() == kept, "what is not offered keeps what was learned; choosing teaches nothing"


def test_a_better_arm_is_drawn_more_often(kind: type[Policy]) -> None:
    policy = kind.from_state({})
    policy.update(dict.fromkeys(ARMS, (500, 25)))
    policy.update({"arm-c": (500, 75)})
    assert sum(policy.choose(ARMS, CONTEXT, seed).arm_id == "arm-c" for seed in range(300)) > 200


@pytest.mark.parametrize("wrong", [(1, 2), (-1, 0), (0, -1)])
def test_impossible_counts_are_refused_and_change_nothing(policy: Policy, wrong: tuple[int, int]) -> None:
    before = policy.state()
    with pytest.raises(InvalidRequest):
        policy.update({"arm-a": (1, 1), "newcomer": wrong})
    assert policy.state() == before
