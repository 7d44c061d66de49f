"""Groups are released once a day, of those who may be counted, and by one run only."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.analytics.aggregates import Question, answer
from alphaads_pipelines.errors import StoreUnavailable, WriteConflict
from alphaads_pipelines.pipeline.aggregates import CurrentGroups, Released, last_settled_day, release_groups
from alphaads_pipelines.profiles.state import encode
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction, upsert
from tests.analytics.populations import FIRST_DAY, Crowd

LEAST = 5
DAY = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=FIRST_DAY)
NEXT = DAY + timedelta(days=1, hours=7)


def _publish(engine: Engine, crowd: Crowd) -> None:
    rows = [
        {"subject_id": each, "shard": 0, "publish_seq": 1, "state": encode(crowd.states[each])} for each in crowd.states
    ]
    known = [{"identity_mac": each.encode(), "subject_id": each, "platform": "x", "shard": 0} for each in crowd.states]
    with transaction(engine) as connection:
        upsert(connection, "live_profiles", rows)
        insert_ignore(connection, "subjects", known)


def _crowd(people: int, day: int = 0, prefix: str = "s") -> Crowd:
    made = Crowd()
    for number in range(people):
        made.post(f"{prefix}{number}", FIRST_DAY + day, 9, "joy", "x", "en")
    return made


def _release(engine: Engine, now: datetime = NEXT, note: Any = lambda _: None) -> Released:
    return release_groups(engine, least=LEAST, now=now, note=note)


def _people(engine: Engine) -> int:
    version, groups = CurrentGroups(engine).read()
    return answer(groups, Question(), least=LEAST, version=version).total.posts


def test_a_day_settles_six_hours_after_its_end() -> None:
    assert last_settled_day(datetime(2026, 11, 25, 5, 59, tzinfo=UTC)) == date(2026, 11, 24)
    assert last_settled_day(datetime(2026, 11, 25, 6, 0, tzinfo=UTC)) == date(2026, 11, 25)


def test_a_day_is_released_once(engine: Engine) -> None:
    _publish(engine, _crowd(10))
    done = _release(engine)
    assert (done.version, done.groups, done.posts, done.is_new) == (1, 1, 10, True)
    _publish(engine, _crowd(10, prefix="late"))
    again = _release(engine, NEXT + timedelta(hours=1))
    assert (again.version, again.is_new) == (1, False)
    assert _people(engine) == 10
    assert _release(engine, NEXT + timedelta(days=1)).posts == 10, "newcomers are counted with the next day"


def test_who_is_counted_is_not_counted_again(engine: Engine) -> None:
    crowd = _crowd(10)
    _publish(engine, crowd)
    _release(engine)
    for number in range(10):
        crowd.post(f"s{number}", FIRST_DAY, 3, "anger", "x", "en")
        crowd.post(f"s{number}", FIRST_DAY + 1, 3, "anger", "x", "en")
    _publish(engine, crowd)
    assert _release(engine, NEXT + timedelta(days=1)).posts == 10
    assert _people(engine) == 20


def test_the_restricted_and_who_objected_are_left_out(engine: Engine) -> None:
    _publish(engine, _crowd(12))
    with transaction(engine) as connection:
        upsert(connection, "restrictions", [{"subject_id": "s0", "reason": "accuracy", "restricted_at": DAY}])
        said = {"subject_id": "s1", "purpose": "analytics", "is_granted": False, "source": "api", "evidence": "e1"}
        connection.execute(sql_table("consent_events").insert().values(**said, recorded_at=DAY))
    noted: list[Any] = []
    assert _release(engine, note=noted.append).posts == 10
    assert {"s0", "s1"}.isdisjoint(noted[0])


def test_linked_subjects_count_as_one(engine: Engine) -> None:
    _publish(engine, _crowd(LEAST))
    with transaction(engine) as connection:
        rows = [{"subject_id": each, "person_id": "p", "linked_at": DAY} for each in ("s0", "s1")]
        upsert(connection, "people", rows)
    assert _release(engine).groups == 0


def test_without_a_record_nothing_is_released(engine: Engine) -> None:
    _publish(engine, _crowd(10))

    def refuse(_: object) -> None:
        raise StoreUnavailable("the audit log cannot be written")

    with pytest.raises(StoreUnavailable):
        _release(engine, note=refuse)
    assert CurrentGroups(engine).read()[0] == 0


def test_who_was_erased_meanwhile_leaves_no_trace(engine: Engine) -> None:
    _publish(engine, _crowd(10))

    def erase(_: object) -> None:
        with transaction(engine) as connection:
            for name in ("subjects", "live_profiles"):
                table = sql_table(name)
                connection.execute(table.delete().where(table.c.subject_id == "s3"))

    _release(engine, note=erase)
    with reading(engine) as connection:
        remembered = set(connection.execute(sa.select(sql_table("released_until").c.subject_id)).scalars())
    assert remembered == {f"s{number}" for number in range(10)} - {"s3"}


def test_of_two_that_release_at_once_one_is_refused(engine: Engine) -> None:
    _publish(engine, _crowd(10))
    meeting, outcomes = threading.Barrier(2, timeout=300), list[str]()

    def run() -> None:
        try:
            outcomes.append(type(_release(engine, note=lambda _: meeting.wait())).__name__)
        except WriteConflict as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Released", "WriteConflict"]
    assert _people(engine) == 10


def test_a_process_sees_a_release_of_another_at_its_next_question(engine: Engine) -> None:
    held = CurrentGroups(engine)
    assert held.read()[1].height == 0
    _publish(engine, _crowd(10))
    _release(engine)
    version, groups = held.read()
    assert (version, groups["people"].to_list()) == (1, [10])
    assert held.read()[1] is groups
