"""The loop in a world of known truth: regret is exact, and what reports do on their way changes no policy."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence

import msgspec
import numpy as np
import pytest

from alphaads_pipelines.bandits.base import Choices, Outcomes, Policy
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from alphaads_pipelines.bandits.random import RandomPolicy
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.bandits.reward_join import RewardJoin
from alphaads_pipelines.bandits.simulator.loop import DeliveryQueue, play
from alphaads_pipelines.bandits.simulator.stream import Stream
from alphaads_pipelines.bandits.simulator.world import CLEAN, World

SMALL = World(creatives=5, people=40, days=8)
DRIFTING = msgspec.structs.replace(SMALL, drift_days=3, swapped=2, replaced=1)


class Oracle:
    """It knows the truth, and records its calls."""

    def __init__(self, stream: Stream) -> None:
        self._stream, self._at = stream, 0
        self.heard: list[Outcomes] = []
        self.retired: list[set[str]] = []

    def choose_many(self, arms: Sequence[str], contexts: Floats, seed: int) -> Choices:
        its = slice(self._at, self._at + len(contexts))
        self._at = its.stop
        assert {tuple(arms)} == {self._stream.arms[phase] for phase in self._stream.phase[its]}
        np.testing.assert_array_equal(contexts, self._stream.contexts[its])
        return Choices(self._stream.chances[its].argmax(axis=1), np.ones(len(contexts)), seed)

    def learn(self, outcomes: Outcomes) -> None:
        self.heard.append(outcomes)

    def discount(self, factor: float) -> None:
        assert 0 < factor < 1

    def inform(self) -> None: ...

    def retire(self, arms: Collection[str]) -> None:
        self.retired.append(set(arms))


@pytest.fixture(params=[SMALL, DRIFTING], ids=["stationary", "drifting"])
def stream(request: pytest.FixtureRequest) -> Stream:
    return Stream.generate(request.param, 1_000, 3)


def test_who_knows_the_truth_has_no_regret_and_earns_what_the_truth_says(stream: Stream) -> None:
    played = play(stream, Oracle(stream))
    assert played.regret.tolist() == [0.0] * 1_000
    expected = stream.chances.max(axis=1)[stream.reports.is_seen]
    spread = np.sqrt((expected * (1 - expected)).sum())
    assert abs(played.is_clicked.sum() - expected.sum()) < 4 * spread


def test_random_regrets_what_can_be_computed_of_it(stream: Stream) -> None:
    regrets = stream.chances.max(axis=1)[:, None] - stream.chances
    played = play(stream, RandomPolicy())
    spread = np.sqrt(regrets.var(axis=1).sum())
    assert abs(played.regret.sum() - regrets.mean(axis=1).sum()) < 4 * spread
    assert stream.regret_of_random.sum() == pytest.approx(regrets.mean(axis=1).sum())
    assert (played.propensities == 0.2).all()
    assert np.bincount(played.drawn, minlength=5).min() > 150


def test_a_policy_that_learns_regrets_less_than_one_that_does_not() -> None:
    stream = Stream.generate(msgspec.structs.replace(SMALL, level=-1.5), 4_000, 3)
    for name in ("thompson", "linucb", "linear_thompson"):
        later = play(stream, POLICIES.load(name).from_state({})).regret[2_000:].sum()
        assert later < 0.7 * stream.regret_of_random[2_000:].sum(), name


def test_the_world_pulls_and_rewards_are_what_is_heard_of_it(stream: Stream) -> None:
    oracle = Oracle(stream)
    played = play(stream, oracle)
    pulls = sum(outcomes.weights().sum() for outcomes in oracle.heard)
    won = sum(outcomes.rewards.sum() for outcomes in oracle.heard)
    in_time = stream.reports.clicked_at - stream.at <= 86_400
    end = stream.until[-1]
    heard = played.is_clicked & in_time & (np.maximum(stream.reports.click, stream.reports.decision) < end)
    shown = stream.reports.is_seen & (np.maximum(stream.reports.impression, stream.reports.decision) < end)
    assert won == heard.sum() > 10
    assert pulls == (shown | heard).sum()
    assert played.is_clicked.sum() >= won


def test_creatives_that_are_gone_are_retired_once_nothing_of_them_can_come() -> None:
    stream = Stream.generate(DRIFTING, 500, 3)
    gone = [set(before) - set(after) for before, after in zip(stream.arms, stream.arms[1:], strict=False)]
    oracle = Oracle(stream)
    play(stream, oracle)
    assert oracle.retired == gone
    policy = LinUCBPolicy()
    play(stream, policy)
    assert set(policy.state()["arms"]) == set(stream.arms[-1])
    oracle = Oracle(short := Stream.generate(msgspec.structs.replace(DRIFTING, days=7), 500, 3))
    play(short, oracle)
    assert oracle.retired == gone[:1], "a day after the second change something of its creatives may still come"


def _taught(policy: Policy, stream: Stream, dice: random.Random | None = None) -> Policy:
    """A policy that met the same draws, and learned their reports; `dice` shuffles their order further."""
    queue, learner = DeliveryQueue(stream), RewardJoin()
    for first, last in zip(stream.steps, stream.steps[1:], strict=False):
        drawn = np.random.default_rng(int(first)).integers(stream.world.creatives, size=last - first)
        if len(drawn):
            queue.schedule(slice(int(first), int(last)), drawn)
    for step in range(2 * len(stream.until)):
        decisions, events = queue.arrived(step)
        if dice is not None:
            dice.shuffle(decisions)
            dice.shuffle(events)
        policy.learn(learner.outcomes(decisions, events))
    return policy


@pytest.mark.parametrize("name", ["thompson", "linucb", "linear_thompson", "epsilon_greedy"])
def test_delayed_doubled_and_reordered_events_teach_what_clean_ones_do(name: str) -> None:
    kind = POLICIES.load(name)
    clean = Stream.generate(msgspec.structs.replace(SMALL, reporting=CLEAN), 600, 3)
    upset = Stream.generate(SMALL, 600, 3)
    never = np.isinf(upset.reports.impression)
    impression = np.where(never, upset.reports.shown_at + 5_000.0, upset.reports.impression)
    upset = _with_reports(upset, impression=impression)
    expected, taught = (_taught(kind.from_state({}), each) for each in (clean, upset))
    shuffled = _taught(kind.from_state({}), upset, random.Random(1))
    assert (upset.reports.click > upset.reports.clicked_at).all()
    assert np.isfinite(upset.reports.click_again).sum() > 10
    asked = clean.contexts[:50]
    arms = clean.arms[0]
    for each in (taught, shuffled):
        assert each.state()["arms"] == expected.state()["arms"]
        np.testing.assert_allclose(
            each.distributions(arms, asked, 1), expected.distributions(arms, asked, 1), atol=2e-3
        )


def _with_reports(stream: Stream, **columns: Floats) -> Stream:
    from dataclasses import replace

    return replace(stream, reports=replace(stream.reports, **columns))
