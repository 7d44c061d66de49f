"""Rewards join their decisions exactly once, in whatever order and however often they arrive."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.bandits.context import vector
from alphaads_pipelines.bandits.reward_join import ATTRIBUTION_WINDOW, RewardJoin

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Record = dict[str, str]


def _decision(key: str, arm: str = "arm-a", at: datetime = NOON) -> Record:
    return {"decision_id": key, "arm_id": arm, "decided_at": at.isoformat()}


def _event(key: str, kind: str = "impression", at: datetime = NOON + MINUTE) -> Record:
    return {"decision_id": key, "kind": kind, "occurred_at": at.isoformat()}


def _joined(*steps: tuple[Sequence[Record], Sequence[Record]]) -> dict[str, tuple[int, int]]:
    """Sum of the join's increments over the steps, its state going through JSON in between."""
    learner, total = RewardJoin(), {}
    for decisions, events in steps:
        learner = RewardJoin.from_state(json.loads(json.dumps(learner.state())))
        _add(total, learner.join(decisions, events))
    return total


def _add(total: dict[str, tuple[int, int]], news: Mapping[str, tuple[int, int]]) -> None:
    for arm, (pulls, won) in news.items():
        held = total.get(arm, (0, 0))
        total[arm] = (held[0] + pulls, held[1] + won)


def test_an_impression_is_a_pull_and_a_click_a_reward() -> None:
    events = [_event("1"), _event("2"), _event("2", "click"), _event("1", "conversion")]
    decisions = [_decision("1"), _decision("2", "arm-b"), _decision("3", "arm-c")]
    assert _joined((decisions, events)) == {"arm-a": (1, 0), "arm-b": (1, 1)}


def test_a_click_proves_its_impression() -> None:
    assert _joined(([_decision("1")], [_event("1", "click")])) == {"arm-a": (1, 1)}
    assert _joined(([_decision("1")], [_event("1", "click")]), ([], [_event("1")])) == {"arm-a": (1, 1)}


def test_events_may_come_before_their_decision() -> None:
    assert _joined(([], [_event("1", "click"), _event("1")]), ([_decision("1")], [])) == {"arm-a": (1, 1)}


def test_nothing_counts_twice() -> None:
    decisions, events = [_decision("1"), _decision("1", "another arm")], [_event("1"), _event("1", "click")] * 3
    assert _joined((decisions, events), (decisions, events), ([], events)) == {"arm-a": (1, 1)}


def test_events_without_a_decision_count_nothing() -> None:
    assert _joined(([], [_event("1"), _event("2", "click")])) == {}


def test_what_changes_nothing_names_no_arm() -> None:
    assert RewardJoin().join([_decision("1")], []) == {}


def test_late_events_do_not_count() -> None:
    inside, outside = NOON + ATTRIBUTION_WINDOW, NOON + ATTRIBUTION_WINDOW + MINUTE
    assert _joined(([_decision("1")], [_event("1", at=inside)])) == {"arm-a": (1, 0)}
    assert _joined(([_decision("1")], [_event("1", at=outside)])) == {}
    late_first = [_event("1", at=outside), _event("1", at=inside)]
    assert _joined(([_decision("1")], late_first)) == {"arm-a": (1, 0)}, "the earliest of its kind is what counts"
    assert _joined(([], late_first), ([_decision("1")], [])) == {"arm-a": (1, 0)}


def test_closed_decisions_are_forgotten() -> None:
    learner = RewardJoin()
    learner.join([_decision("old", at=NOON), _decision("new", at=NOON + 2 * MINUTE)], [])
    assert learner.close(NOON + ATTRIBUTION_WINDOW) == 0
    assert learner.close(NOON + ATTRIBUTION_WINDOW + MINUTE) == 1
    assert set(learner.state()) == {"new"}
    assert learner.join([], [_event("old"), _event("new")]) == {"arm-a": (1, 0)}


@pytest.mark.parametrize("at", [NOON, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
def test_events_that_never_find_their_decision_do_not_pile_up(at: datetime) -> None:
    learner = RewardJoin()
    learner.join([], [_event("1", at=at)])
    learner.close(NOON)
    learner.close(NOON + ATTRIBUTION_WINDOW + MINUTE)
    assert learner.state() == {}


def test_times_of_any_zone_are_understood() -> None:
    event = {**_event("1"), "occurred_at": "2026-11-24T23:59:00-11:00"}
    assert _joined(([_decision("1")], [event])) == {"arm-a": (1, 0)}
    event["occurred_at"] = "2026-11-25T12:59:00Z"
    assert _joined(([_decision("1")], [event])) == {}


def _random_world(dice: random.Random) -> tuple[list[Record], list[Record]]:
    decisions = [_decision(str(key), f"arm-{key % 3}", NOON + key * MINUTE) for key in range(8)]
    keys = [*range(8), 98, 99]
    events = [
        _event(str(dice.choice(keys)), dice.choice(("impression", "click", "conversion")), NOON + each * MINUTE * 200)
        for each in range(dice.randrange(20))
    ]
    return decisions, events


def _steps(records: Sequence[Record], dice: random.Random, parts: int) -> list[list[Record]]:
    dealt: list[list[Record]] = [[] for _ in range(parts)]
    for record in records:
        dice.choice(dealt).append(record)
    return dealt


def _expected(decisions: Iterable[Record], events: Sequence[Record]) -> dict[str, tuple[int, int]]:
    total: dict[str, tuple[int, int]] = {}
    for decision in decisions:
        until = datetime.fromisoformat(decision["decided_at"]) + ATTRIBUTION_WINDOW
        kinds = {
            event["kind"]
            for event in events
            if event["decision_id"] == decision["decision_id"] and datetime.fromisoformat(event["occurred_at"]) <= until
        } - {"conversion"}
        _add(total, {decision["arm_id"]: (int(bool(kinds)), int("click" in kinds))})
    return {arm: counts for arm, counts in total.items() if any(counts)}


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 4))
def test_any_order_grouping_and_doubling_gives_the_same(dice: random.Random, parts: int) -> None:
    decisions, events = _random_world(dice)
    told: list[Any] = [dice.sample(each * 2, len(each) * 2) for each in (decisions, events)]
    steps = zip(*(_steps(each, dice, parts) for each in told), strict=True)
    assert _joined(*steps) == _expected(decisions, events)


def test_outcomes_carry_the_context_of_their_decision_and_grow_as_counts_do() -> None:
    learner, decision = RewardJoin(), {**_decision("1"), "context": {"mood": "joy", "hour": 3}}
    shown = learner.outcomes([decision], [_event("1")])
    again = RewardJoin.from_state(json.loads(json.dumps(learner.state())))
    clicked = again.outcomes([], [_event("1", "click"), _event("1", "click")])
    for outcomes, pulls, rewards in ((shown, [1.0], [0.0]), (clicked, [0.0], [1.0])):
        assert (list(outcomes.arms), outcomes.weights().tolist(), outcomes.rewards.tolist()) == (
            ["arm-a"],
            pulls,
            rewards,
        )
        assert outcomes.contexts.tolist() == [vector({"mood": "joy", "hour": 3}).tolist()]


def test_an_event_that_comes_first_waits_for_the_context() -> None:
    learner = RewardJoin()
    assert len(learner.outcomes([], [_event("1", "click")]).arms) == 0
    outcomes = learner.outcomes([{**_decision("1"), "context": {"mood": "fear"}}], [])
    assert (outcomes.weights().tolist(), outcomes.rewards.tolist()) == ([1.0], [1.0])
    assert outcomes.contexts.tolist() == [vector({"mood": "fear"}).tolist()]


def test_where_only_clicks_are_reported_silence_is_a_pull_without_reward() -> None:
    learner = RewardJoin()
    learner.join([_decision("silent"), _decision("clicked"), _decision("new", at=NOON + 2 * MINUTE)], [])
    learner.join([], [_event("clicked", "click"), _event("of no decision", "click")])
    lapsed = learner.expire_unreported(NOON + ATTRIBUTION_WINDOW + 1.5 * MINUTE)
    assert (list(lapsed.arms), lapsed.weights().tolist(), lapsed.rewards.tolist()) == (["arm-a"], [1.0], [0.0])
    assert set(learner.state()) == {"new"}
    assert len(learner.expire_unreported(NOON + ATTRIBUTION_WINDOW + 1.5 * MINUTE).arms) == 0
