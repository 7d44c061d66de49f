"""Decisions join what was heard of them, and every policy learns it once, whatever dies or races."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import Connection, Engine, event

from alphaads_pipelines.bandits.context import vector
from alphaads_pipelines.bandits.linear_thompson import LinearThompsonPolicy
from alphaads_pipelines.bandits.policy_roles import Canary, Pin
from alphaads_pipelines.bandits.policy_store import change_roles, read_roles
from alphaads_pipelines.errors import AlphaAdsError, MissingArtifact, StoreUnavailable, WriteConflict
from alphaads_pipelines.pipeline import learning
from alphaads_pipelines.pipeline.learning import LEARNER, Learned, Teaching
from alphaads_pipelines.rights.erasure.relational import delete_subject
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.sql.documents import publish_document, read_document
from alphaads_pipelines.stores.sql.relational import connect, insert_ignore, sql_table, transaction
from tests.concurrency import at_once
from tests.pipeline.loop import DECISIONS, EVENTS, NOON, Loop, decision, later, loop_at, of_event
from tests.pipeline.meeting import MeetingStream
from tests.stores.subjects.people import make_subjects

pytestmark = pytest.mark.integration


class FailingLake(DeltaLake):
    """A disk that is full when the history is to be written."""

    def append(self, table: Table, rows: pl.DataFrame) -> int:
        raise StoreUnavailable("the disk is full")


@pytest.fixture
def anywhere(engine: Engine, tmp_path: Path) -> Iterator[Loop]:
    """On SQLite and on PostgreSQL."""
    loop = loop_at(tmp_path, engine)
    yield loop
    loop.stream.close()


@pytest.fixture
def ads(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Loop]:
    """On SQLite alone, for what no database has a say in."""
    shutil.copy(migrated_sqlite, tmp_path / "alphaads.db")
    engine = connect(f"sqlite:///{tmp_path / 'alphaads.db'}")
    loop = loop_at(tmp_path, engine)
    yield loop
    loop.stream.close()
    engine.dispose()


def test_every_policy_learns_and_the_run_says_what_it_read(ads: Loop) -> None:
    ads.decided("1", "2", "3")
    ads.decided("4", arm="arm-b")
    ads.happened("impression", "1", "2", "4")
    ads.happened("click", "2")
    learned = ads.learn()
    assert (learned.decisions, learned.events, learned.left_out) == (4, 4, 0)
    assert (learned.pulls, learned.rewards, list(learned.versions)) == (3, 1, ["thompson", "linear_thompson"])
    for name in learned.versions:
        assert ads.counts(name) == {"arm-a": [2, 1], "arm-b": [1, 0]}
    assert sum(learned.offsets[DECISIONS].values()) == 4
    assert read_document(ads.engine, LEARNER)[1]["offsets"] == learned.offsets


def test_contexts_are_learned_from(ads: Loop) -> None:
    for number in range(40):
        mood, key = ("joy", "anger")[number % 2], str(number)
        ads.tell(DECISIONS, decision(key, context={"mood": mood, "hour": 12}))
        ads.happened("click" if mood == "joy" else "impression", key)
    ads.learn()
    policy = ads.policy("linear_thompson")
    assert isinstance(policy, LinearThompsonPolicy)
    contexts = np.array([vector({"mood": mood, "hour": 12}) for mood in ("joy", "anger")])
    [[joy], [anger]], _ = policy.scores(["arm-a"], contexts)
    assert joy > anger + 0.5


def test_a_decision_is_stored_whole_with_the_first_event_of_each_kind(anywhere: Loop) -> None:
    anywhere.decided("1")
    for minutes in (9, 3, 6):
        anywhere.happened("impression", "1", at=later(minutes=minutes))
    anywhere.happened("conversion", "1", at=later(hours=24))
    anywhere.happened("click", "1", at=later(hours=24, seconds=1))
    learned = anywhere.learn()
    [row] = anywhere.rows()
    assert (row.impression_at, row.click_at, row.conversion_at) == (later(minutes=3), None, later(hours=24))
    assert (row.tenant, row.campaign_id, row.arm_id, row.decided_at) == ("acme", "spring", "arm-a", NOON)
    assert (row.context, row.eligible) == (decision("1")["context"], ["arm-a", "arm-b", "arm-c"])
    assert (row.policy, row.policy_version, row.policy_role, row.propensity) == ("thompson", 0, "serving", 1 / 3)
    assert (row.seed, row.mood, row.personalisation, row.experiments) == (7, "joy", "mood", {"e1": "control"})
    assert (row.snapshot, row.publish_seq, row.placement) == ("p1.c1.b0.0", 1, "feed")
    assert (learned.pulls, learned.rewards) == (1, 0)


def test_running_again_counts_nothing_twice(ads: Loop) -> None:
    ads.decided("1")
    ads.happened("click", "1")
    ads.learn()
    for _ in range(2):
        again = ads.learn()
        assert (again.decisions, again.events, again.pulls, again.versions) == (0, 0, 0, {})
    assert ads.counts() == {"arm-a": [1, 1]}


def test_what_comes_in_later_runs_is_joined(anywhere: Loop) -> None:
    anywhere.happened("click", "1")
    assert anywhere.learn().pulls == 0
    assert len(anywhere.rows("early_events")) == 1
    anywhere.decided("1")
    assert anywhere.learn().rewards == 1
    assert anywhere.rows("early_events") == []
    anywhere.happened("impression", "1")
    anywhere.happened("click", "1")
    anywhere.decided("1")
    assert (anywhere.learn().pulls, anywhere.counts()) == (0, {"arm-a": [1, 1]})
    anywhere.decided("2")
    anywhere.happened("impression", "2")
    assert anywhere.learn().pulls == 1
    anywhere.happened("click", "2", at=later(hours=20))
    assert anywhere.learn(later(days=3)).rewards == 1, "it happened in time, however late it is heard of"


def test_a_backlog_is_learned_in_parts(ads: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_RECORDS", 3)
    keys = [str(number) for number in range(50)]
    ads.happened("click", *keys)
    ads.decided(*keys)
    learned = ads.learn()
    assert (learned.decisions, learned.events, learned.pulls, learned.rewards) == (50, 50, 50, 50)
    assert learned.version > 3, "several transactions"
    assert ads.counts() == {"arm-a": [50, 50]}
    assert ads.rows("early_events") == []


def test_nothing_to_read_is_fine_and_names_who_serves(ads: Loop) -> None:
    assert (ads.learn().pulls, ads.counts()) == (0, {})
    assert ads.rows("policy_versions") == []
    assert read_document(ads.engine, "policy")[1]["serving"] == {"policy": "thompson", "version": None}


MALFORMED: list[Any] = [
    *(b"", b"{", b"\xff\xfe", b"[]", b"null", b"7", b"[" * 100_000, {}),
    {"decision_id": "1", "arm_id": "a", "kind": "click"},
    {"decision_id": "1", "arm_id": "a", "kind": "click", "decided_at": "some day", "occurred_at": "some day"},
    {**decision("1"), "decided_at": "2026-11-24T12:00:00", "kind": "click", "occurred_at": "2026-11-24T12:00:00"},
    {**decision("1"), "decided_at": 1_700_000_000, "kind": "click", "occurred_at": 1_700_000_000},
    {**decision("1"), "arm_id": None, **of_event("1"), "kind": None},
    {**decision("1"), **of_event("1"), "decision_id": ["1"]},
    {**decision("1"), **of_event("1"), "decision_id": "nul \0"},
]
NO_DECISIONS: list[Any] = [
    {**decision("1"), "propensity": 1.5},
    {**decision("1"), "propensity": "a third"},
    {**decision("1"), "seed": 2**70},
    {**decision("1"), "context": ["joy"]},
    {**decision("1"), "eligible": "arm-a"},
    {**decision("1"), "placement": "feed\0"},
]


def test_malformed_records_are_counted_and_left_out(anywhere: Loop) -> None:
    anywhere.tell(DECISIONS, *MALFORMED, *NO_DECISIONS)
    anywhere.tell(EVENTS, *MALFORMED)
    anywhere.decided("1")
    anywhere.happened("click", "1")
    anywhere.happened("looked away", "1")
    learned = anywhere.learn()
    assert (learned.decisions, learned.events) == (1, 2)
    assert learned.left_out == 2 * len(MALFORMED) + len(NO_DECISIONS)
    assert anywhere.counts() == {"arm-a": [1, 1]}
    assert anywhere.learn().left_out == 0


@pytest.mark.parametrize("hour", [10**400, 1e308, -1, "noon", None, [1], {"a": "\ud83d\ude00"}, True])
def test_a_context_of_any_kind_can_be_learned_from(ads: Loop, hour: object) -> None:
    ads.tell(DECISIONS, decision("1", context={"hour": hour, "mood": hour, "emotions": {"joy": hour}, "posts": hour}))
    ads.happened("click", "1")
    assert ads.learn().rewards == 1


def test_records_from_before_there_were_contexts_are_learned_from_and_say_what_they_lack(ads: Loop) -> None:
    old = {"decision_id": "1", "arm_id": "arm-a", "decided_at": NOON.isoformat(), "creative": {"campaign_id": "old"}}
    ads.tell(DECISIONS, {**old, "mood": None, "reason": "because"})
    ads.happened("click", "1")
    assert ads.learn().rewards == 1
    [row] = ads.rows()
    assert (row.campaign_id, row.context, row.eligible, row.propensity) == ("old", {}, [], 0.0)
    assert (row.policy_role, row.experiments, row.tenant, row.subject_id) == ("serving", {}, "", None)


def test_what_was_learned_before_there_were_versions_is_taken_over(ads: Loop) -> None:
    old = {"policy": "thompson", "state": {"arms": {"arm-a": [10, 4]}}, "offsets": {}}
    publish_document(ads.engine, "policy", old, NOON)
    publish_document(ads.engine, LEARNER, {"open": {}, "offsets": {}}, NOON)
    ads.decided("1")
    ads.happened("click", "1")
    ads.learn()
    assert ads.counts() == {"arm-a": [11, 5]}
    assert read_roles(ads.engine)[1].serving == Pin("thompson")


def test_events_whose_decision_never_comes_do_not_pile_up(anywhere: Loop) -> None:
    anywhere.happened("click", "1")
    anywhere.happened("impression", "2", at=datetime(9999, 12, 31, tzinfo=UTC))
    anywhere.tell(EVENTS, {**of_event("3"), "occurred_at": "0001-01-01T00:00:00+14:00"})
    assert anywhere.learn().events == 3
    anywhere.learn(later(hours=24))
    assert len(anywhere.rows("early_events")) == 3
    anywhere.learn(later(hours=24, seconds=1))
    assert anywhere.rows("early_events") == []


def test_decisions_are_kept_for_as_long_as_is_said(anywhere: Loop) -> None:
    anywhere.teaching = replace(anywhere.teaching, keep=timedelta(days=10))
    anywhere.decided("old", at=later(days=-11))
    anywhere.decided("young", at=later(days=-9))
    anywhere.decided("of tomorrow", at=later(days=2))
    assert (anywhere.learn().left_out, [row.decision_id for row in anywhere.rows()]) == (2, ["young"])
    anywhere.learn(later(days=1))
    assert len(anywhere.rows()) == 1
    anywhere.learn(later(days=1, seconds=1))
    assert anywhere.rows() == []


def test_older_outcomes_weigh_less_and_late_ones_no_more_than_those_of_their_day(ads: Loop) -> None:
    ads.teaching = replace(ads.teaching, half_life_days=2.0)
    ads.decided("1", "2")
    ads.happened("impression", "1", "2")
    ads.happened("click", "2")
    ads.learn()
    ads.decided("3", "4", at=later(days=2))
    ads.happened("impression", "3", at=later(days=2))
    ads.learn(later(days=2, hours=1))
    assert ads.counts() == {"arm-a": [2.0, 0.5]}
    ads.happened("click", "1", at=later(hours=1))
    ads.happened("click", "4", at=later(days=2))
    ads.learn(later(days=2, hours=2))
    assert ads.counts() == {"arm-a": [3.0, 2.0]}
    assert ads.counts("linear_thompson") == {"arm-a": [3.0, 2.0]}


def test_creatives_that_are_retired_are_forgotten(anywhere: Loop) -> None:
    texts = dict.fromkeys(("emotion", "tone", "headline", "body", "call_to_action", "placement", "generator"), "x")
    row = {**texts, "tenant": "acme", "campaign_id": "spring", "state": "approved", "reasons": [], "created_at": NOON}
    rows = [{**row, "creative_id": arm, "is_current": arm == "arm-a", "changed_at": NOON} for arm in ("arm-a", "arm-b")]
    with transaction(anywhere.engine) as connection:
        insert_ignore(connection, "creatives", rows)
    for number, arm in enumerate(("arm-a", "arm-b", "of nobody")):
        anywhere.decided(str(number), arm=arm)
        anywhere.happened("impression", str(number))
    anywhere.learn()
    assert set(anywhere.counts()) == set(anywhere.counts("linear_thompson")) == {"arm-a", "of nobody"}


def test_whoever_has_a_part_learns_too_and_keeps_learning_when_it_ends(ads: Loop) -> None:
    ads.teaching = Teaching(())
    change_roles(ads.engine, lambda roles: roles.promote(Pin("epsilon_greedy"), "a", NOON, {}), NOON)
    change_roles(ads.engine, lambda roles: roles.set_canary(Canary("linucb", 0.1), "a", NOON, {}), NOON)
    change_roles(ads.engine, lambda roles: roles.set_shadows(("random",), "a", NOON), NOON)
    ads.decided("1")
    ads.happened("click", "1")
    assert set(ads.learn().versions) == {"epsilon_greedy", "linucb", "random", "thompson"}


def test_a_policy_that_cannot_be_taught_stops_nobody_else_unless_it_serves(
    ads: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(*_: object) -> None:
        raise MissingArtifact("not installed")

    monkeypatch.setattr(LinearThompsonPolicy, "from_state", absent)
    ads.decided("1", "2")
    ads.happened("click", "1")
    assert set(ads.learn().versions) == {"thompson"}
    change_roles(ads.engine, lambda roles: roles.promote(Pin("linear_thompson"), "a", NOON, {}), NOON)
    ads.happened("click", "2")
    with pytest.raises(MissingArtifact):
        ads.learn()
    monkeypatch.undo()
    ads.learn()
    assert ads.counts() == {"arm-a": [2, 2]}


def test_decisions_of_somebody_erased_are_passed_over_and_those_of_others_stay(anywhere: Loop) -> None:
    living, erased = make_subjects(anywhere.engine, "x", "x")
    anywhere.tell(DECISIONS, decision("1", subject_id=living), decision("2", subject_id=erased))
    anywhere.happened("click", "1", "2")
    assert anywhere.learn().rewards == 2
    with transaction(anywhere.engine) as connection:
        assert delete_subject(connection, erased)["ad_decisions"] == 1
    anywhere.tell(DECISIONS, decision("2", subject_id=erased), decision("3", subject_id=erased))
    anywhere.happened("impression", "2", "3")
    learned = anywhere.learn()
    assert (learned.pulls, learned.left_out, [row.decision_id for row in anywhere.rows()]) == (0, 2, ["1"])


def test_an_event_of_somebody_whose_erasure_has_begun_changes_nothing(anywhere: Loop) -> None:
    [subject] = make_subjects(anywhere.engine, "x")
    anywhere.tell(DECISIONS, decision("1", subject_id=subject))
    anywhere.learn()
    table = sql_table("subjects")
    with transaction(anywhere.engine) as connection:
        connection.execute(table.delete().where(table.c.subject_id == subject))
    anywhere.happened("click", "1")
    assert (anywhere.learn().pulls, anywhere.rows()[0].click_at, anywhere.rows("early_events")) == (0, None, [])


def test_the_history_is_written_once_an_hour_and_holds_what_changed(ads: Loop) -> None:
    ads.decided("1", "2")
    ads.decided("3", arm="arm-b")
    ads.happened("click", "1")
    ads.happened("impression", "3")
    first = ads.learn().versions["thompson"]
    assert ads.remember() is not None
    assert ads.history() == [(first, "arm-a", 1, 1, 2.0, 1.0), (first, "arm-b", 1, 0, 1.0, 2.0)]
    ads.happened("impression", "2")
    second = ads.learn().versions["thompson"]
    assert ads.remember(later(minutes=59)) is None
    assert ads.remember(later(minutes=60)) is not None
    assert [row[:4] for row in ads.history()[2:]] == [(second, "arm-a", 2, 1), (second, "arm-b", 1, 0)]
    assert ads.history()[3][4:] == pytest.approx((0.8, 2.2)), "what is expected of every arm moved, too"
    assert ads.remember(later(hours=3)) is None, "nothing changed"


def test_dying_between_learning_and_the_lake_loses_and_doubles_nothing(ads: Loop, tmp_path: Path) -> None:
    ads.decided("1", "2")
    ads.happened("click", "1")
    version = ads.learn().versions["thompson"]
    with pytest.raises(StoreUnavailable):
        replace(ads, lake=FailingLake(tmp_path / "lake")).remember()
    assert ads.history() == []
    assert ads.learn().pulls == 0, "what was learned is not counted again"
    assert ads.remember() is not None
    assert [row[:4] for row in ads.history()] == [(version, "arm-a", 1, 1)], "the next run writes what is missing"


def test_dying_in_the_middle_of_learning_changes_nothing(anywhere: Loop) -> None:
    anywhere.decided("1")
    anywhere.happened("click", "1")

    def die(_: Connection) -> None:
        raise KeyboardInterrupt

    event.listen(anywhere.engine, "commit", die)
    with pytest.raises(KeyboardInterrupt):
        anywhere.learn()
    event.remove(anywhere.engine, "commit", die)
    assert read_document(anywhere.engine, LEARNER) == (0, {})
    assert anywhere.rows() == []
    assert anywhere.learn().rewards == 1
    assert anywhere.counts() == {"arm-a": [1, 1]}


@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_that_learn_at_once_one_is_refused(anywhere: Loop, tmp_path: Path, is_first: bool) -> None:
    if not is_first:
        anywhere.learn()
    anywhere.decided("1", "2", "3")
    anywhere.happened("click", "1")
    with MeetingStream(tmp_path / "stream", 2) as stream:
        outcomes = at_once(*[lambda: _told(replace(anywhere, stream=stream))] * 2)
    assert sorted(type(each).__name__ for each in outcomes) == ["Learned", "WriteConflict"]
    assert anywhere.counts() == {"arm-a": [1, 1]}
    assert (anywhere.learn().pulls, anywhere.counts()) == (0, {"arm-a": [1, 1]})


def _told(loop: Loop) -> Learned | AlphaAdsError:
    try:
        return loop.learn()
    except WriteConflict as error:
        return error


def test_what_a_run_costs_does_not_grow_with_what_is_stored(ads: Loop) -> None:
    """As many statements after many decisions as after a few."""
    told: list[int] = []
    for keys in ([f"{size}-{number}" for number in range(size)] for size in (5, 400)):
        ads.decided(*keys)
        ads.happened("impression", *keys)
        ads.learn()
        statements = 0

        def count(*_: object) -> None:
            nonlocal statements
            statements += 1

        ads.decided(f"{len(keys)}-news")
        ads.happened("click", f"{len(keys)}-news")
        event.listen(ads.engine, "before_cursor_execute", count)
        ads.learn()
        event.remove(ads.engine, "before_cursor_execute", count)
        told.append(statements)
    assert len(set(told)) == 1
