"""What every bandit policy promises, checked against all of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from alphaads_pipelines.bandits.base import FADED, Outcomes, Policy
from alphaads_pipelines.bandits.context import vector
from alphaads_pipelines.bandits.random import RandomPolicy
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.errors import InvalidRequest
from tests.nlp.packages import needs

ARMS = ["arm-a", "arm-b", "arm-c", "arm-d"]
CONTEXT: dict[str, Any] = {"mood": "joy", "placement": "feed"}
TAUGHT = {"arm-a": (200, 20), "arm-b": (180, 27), "arm-c": (50, 1)}
PACKAGES = {"vowpal_wabbit": ["vowpalwabbit"]}
DRAWS = 2_000


def _seen(counts: Mapping[str, tuple[int, int]]) -> Outcomes:
    """So many pulls and rewards, all in CONTEXT."""
    pulls, rewards = np.array(list(counts.values()), dtype=float).T
    return Outcomes(list(counts), np.tile(vector(CONTEXT), (len(counts), 1)), rewards, pulls)


@pytest.fixture(params=[pytest.param(name, marks=needs(*PACKAGES.get(name, []))) for name in POLICIES])
def kind(request: pytest.FixtureRequest) -> type[Policy]:
    return POLICIES.load(request.param)


@pytest.fixture
def kind_that_sums(kind: type[Policy]) -> type[Policy]:
    """For what holds only where outcomes are summed."""
    if not kind.is_sum:
        pytest.skip("it learns one outcome after the other")
    return kind


@pytest.fixture
def kind_that_learns(kind: type[Policy]) -> type[Policy]:
    """For what says that a policy puts to use what it knows."""
    if kind is RandomPolicy:
        pytest.skip("it decides as if it knew nothing")
    return kind


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
    assert len({policy.choose(ARMS, CONTEXT, seed).arm_id for seed in range(300)}) > 1


def test_the_logged_propensity_is_that_of_the_drawn_arm(policy: Policy) -> None:
    for seed in range(50):
        choice = policy.choose(ARMS, CONTEXT, seed)
        assert choice.seed == seed
        assert choice.propensity == policy.propensities(ARMS, CONTEXT, seed)[ARMS.index(choice.arm_id)]


def test_arms_are_drawn_as_often_as_their_propensities_say(policy: Policy) -> None:
    expected, drawn, weights = np.zeros(len(ARMS)), Counter[str](), []
    for seed in range(DRAWS):
        choice = policy.choose(ARMS, CONTEXT, seed)
        expected += policy.propensities(ARMS, CONTEXT, seed)
        drawn[choice.arm_id] += 1
        weights.append(1.0 / choice.propensity)
    statistic = sum((drawn[arm] - each) ** 2 / each for arm, each in zip(ARMS, expected, strict=True))
    assert statistic < 16.3, "chi-square with 3 degrees of freedom: exceeded once in a thousand seeds"
    error = float(np.std(weights)) / DRAWS**0.5
    assert abs(np.mean(weights) - len(ARMS)) <= 3.3 * error, (
        "the draw may not lean on what made the propensities: the sum over arms of p / p is the number of arms"
    )


def test_many_are_drawn_as_one_is(policy: Policy) -> None:
    contexts = np.array([vector({**CONTEXT, "hour": hour}) for hour in range(24)]).repeat(80, axis=0)
    choices = policy.choose_many(ARMS, contexts, 5)
    probabilities = policy.distributions(ARMS, contexts, 5)
    for hour in range(0, 24, 5):
        alone = policy.propensities(ARMS, {**CONTEXT, "hour": hour}, 5)
        assert probabilities[hour * 80] == pytest.approx(alone, abs=1e-12)
    assert choices.propensities.tolist() == probabilities[np.arange(len(contexts)), choices.drawn].tolist()
    expected = probabilities.sum(axis=0)
    statistic = ((np.bincount(choices.drawn, minlength=len(ARMS)) - expected) ** 2 / expected).sum()
    assert statistic < 16.3
    assert policy.choose_many(ARMS, contexts, 5).drawn.tolist() == choices.drawn.tolist()
    with pytest.raises(InvalidRequest):
        policy.choose_many([], contexts, 5)


@pytest.mark.parametrize("context", [{}, {"mood": "of no name", "hour": "noon", "emotions": 3, "posts": float("nan")}])
def test_contexts_that_nobody_knows_are_decided_on(policy: Policy, context: dict[str, Any]) -> None:
    assert policy.propensities(ARMS, context, 1).sum() == pytest.approx(1.0, abs=1e-12)


def test_vectors_of_another_length_or_not_finite_are_refused(policy: Policy) -> None:
    if not policy.uses_context:
        assert policy.propensities(ARMS, np.ones(3), 1).tolist() == policy.propensities(ARMS, {}, 1).tolist()
        return
    for wrong in (np.ones(policy.features + 1), np.full(policy.features, np.nan)):
        with pytest.raises(InvalidRequest):
            policy.choose(ARMS, wrong, 1)


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


def test_grouping_and_order_of_updates_do_not_matter(kind_that_sums: type[Policy]) -> None:
    policy, other = kind_that_sums.from_state({}), kind_that_sums.from_state({})
    policy.update(TAUGHT)
    for arm, (pulls, rewards) in reversed(TAUGHT.items()):
        for part in range(pulls):
            other.update({arm: (1, int(part < rewards))})
    assert other.state() == policy.state()


def test_grouping_and_order_of_outcomes_do_not_matter(kind_that_sums: type[Policy]) -> None:
    dice = np.random.default_rng(3)
    arms = dice.choice(ARMS, 300).tolist()
    contexts = np.array(
        [vector({"mood": mood, "hour": at % 24}) for at, mood in enumerate(dice.choice(["joy", "fear"], 300))]
    )
    rewards = (dice.random(300) < 0.2).astype(float)
    together, apart = kind_that_sums.from_state({}), kind_that_sums.from_state({})
    together.learn(Outcomes(arms, contexts, rewards))
    for part in np.array_split(dice.permutation(300), 40):
        apart.learn(Outcomes([arms[each] for each in part], contexts[part], rewards[part]))
    for seed, context in enumerate(contexts[:10]):
        one, other = (each.propensities(ARMS, context, seed) for each in (together, apart))
        assert one == pytest.approx(other, abs=1e-9)
    assert together.state()["arms"] == apart.state()["arms"]


def test_a_reward_may_come_later_than_its_pull(kind_that_sums: type[Policy]) -> None:
    at_once, later = kind_that_sums.from_state({}), kind_that_sums.from_state({})
    seen = _seen(TAUGHT)
    at_once.learn(seen)
    later.learn(Outcomes(seen.arms, seen.contexts, 0 * seen.rewards, seen.pulls))
    later.learn(Outcomes(seen.arms, seen.contexts, seen.rewards, np.zeros(3)))
    assert later.state() == at_once.state()


def test_new_arms_join_and_vanished_arms_come_back(policy: Policy) -> None:
    assert policy.propensities([*ARMS, "newcomer"], CONTEXT, 1)[-1] > 0
    policy.update({"newcomer": (5, 1)})
    alone = policy.propensities(["newcomer"], CONTEXT, 1)
    assert alone.tolist() == [1.0]
    kept = policy.state()
    policy.choose(["newcomer"], CONTEXT, 2)
    assert policy.state() == kept, "what is not offered keeps what was learned; choosing teaches nothing"


def test_a_better_arm_is_drawn_more_often(kind_that_learns: type[Policy]) -> None:
    policy = kind_that_learns.from_state({})
    policy.learn(_seen(dict.fromkeys(ARMS, (500, 25))))
    policy.learn(_seen({"arm-c": (500, 75)}))
    assert sum(policy.choose(ARMS, CONTEXT, seed).arm_id == "arm-c" for seed in range(300)) > 200


def test_what_is_better_may_depend_on_the_context(kind_that_learns: type[Policy]) -> None:
    policy = kind_that_learns.from_state({})
    if not policy.uses_context:
        pytest.skip("it looks at no context")
    moods = ("joy", "anger")
    contexts = np.array([vector({"mood": mood}) for mood in moods])
    told = [(arm, at, 0.8 if arm == at else 0.1) for arm in (0, 1) for at in (0, 1)] * 20
    arms, seen, rewards = ([each[place] for each in told] for place in range(3))
    policy.learn(Outcomes([ARMS[each] for each in arms], contexts[seen], 50 * np.array(rewards), np.full(80, 50.0)))
    assert [policy.propensities(ARMS[:2], {"mood": mood}, 1).argmax() for mood in moods] == [0, 1]


def test_what_is_discounted_away_is_forgotten(kind_that_learns: type[Policy]) -> None:
    policy = kind_that_learns.from_state({})
    policy.learn(_seen(dict.fromkeys(ARMS, (1_000, 50)) | {"arm-b": (1_000, 200)}))
    sure = policy.propensities(ARMS, CONTEXT, 1)[1]
    policy.discount(1 / 50)
    assert policy.propensities(ARMS, CONTEXT, 1)[1] <= sure
    assert policy.state()["arms"]["arm-b"] == pytest.approx([20, 4])
    policy.learn(_seen({"arm-b": (0, 1)}))
    policy.discount(0.99 * FADED / 20)
    assert policy.state()["arms"] == {}
    again = type(policy).from_state(json.loads(json.dumps(policy.state())))
    assert again.state() == policy.state()
    if policy.is_sum:
        nothing = kind_that_learns.from_state({})
        assert policy.propensities(ARMS, CONTEXT, 1).tolist() == nothing.propensities(ARMS, CONTEXT, 1).tolist()


@pytest.mark.parametrize("wrong", [0.0, -1.0, 1.5, float("nan")])
def test_discounts_that_are_none_are_refused(policy: Policy, wrong: float) -> None:
    before = policy.state()
    with pytest.raises(InvalidRequest):
        policy.discount(wrong)
    assert policy.state() == before


def test_a_late_reward_outweighs_no_pull_that_was_discounted(policy: Policy) -> None:
    policy.update({"late": (10, 9)})
    policy.discount(0.5)
    policy.update({"late": (0, 1)})
    assert policy.state()["arms"]["late"] == [5.0, 5.0]


def test_a_retired_arm_is_new_when_it_comes_back(kind_that_sums: type[Policy]) -> None:
    policy, other = kind_that_sums.from_state({}), kind_that_sums.from_state({})
    policy.learn(_seen(TAUGHT))
    policy.retire(["arm-b", "of no name"])
    other.learn(_seen({arm: counts for arm, counts in TAUGHT.items() if arm != "arm-b"}))
    assert policy.state() == other.state()
    assert policy.propensities(ARMS, CONTEXT, 2).tolist() == other.propensities(ARMS, CONTEXT, 2).tolist()


def test_known_arms_may_inform_what_is_expected_of_new_ones(kind_that_learns: type[Policy]) -> None:
    """Beside arms at a few percent, a new arm of which nothing is expected looks far better than they."""
    policy = kind_that_learns.from_state({})
    policy.learn(_seen({"arm-a": (1_000, 20), "arm-b": (1_000, 20), "arm-c": (1_000, 80)}))
    before = policy.propensities(ARMS, CONTEXT, 1)[3]
    policy.inform()
    if not policy.uses_context:
        assert policy.propensities(ARMS, CONTEXT, 1)[3] < before / 2
    again = type(policy).from_state(json.loads(json.dumps(policy.state())))
    assert again.state() == policy.state()
    assert again.propensities(ARMS, CONTEXT, 1).tolist() == policy.propensities(ARMS, CONTEXT, 1).tolist()


@pytest.mark.parametrize("wrong", [(1, 2), (-1, 0), (0, -1)])
def test_impossible_counts_are_refused_and_change_nothing(policy: Policy, wrong: tuple[int, int]) -> None:
    before = policy.state()
    with pytest.raises(InvalidRequest):
        policy.update({"arm-a": (1, 1), "newcomer": wrong})
    with pytest.raises(InvalidRequest):
        policy.learn(_seen({"arm-a": (1, 1), "newcomer": wrong}))
    assert policy.state() == before


def test_outcomes_whose_shapes_differ_are_refused(policy: Policy) -> None:
    before = policy.state()
    with pytest.raises(InvalidRequest):
        policy.learn(Outcomes(["arm-a"], np.tile(vector({}), (2, 1)), np.ones(2)))
    assert policy.state() == before


def test_nothing_new_changes_nothing(policy: Policy) -> None:
    before = policy.state()
    policy.update({})
    policy.learn(Outcomes([], np.empty((0, policy.features)), np.empty(0)))
    assert policy.state() == before
