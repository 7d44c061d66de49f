"""Subject keys on SQLite and on PostgreSQL: one subject per identity, destruction in every process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine, event
from structlog.testing import capture_logs

from alphaads_pipelines import sqlite
from alphaads_pipelines.errors import UnsealError
from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.privacy.keys import Identity
from alphaads_pipelines.stores.sql import relational
from alphaads_pipelines.stores.sql.relational import connect, reading, sql_table, transaction
from alphaads_pipelines.stores.subjects import subject_keys
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys, needs_key_file
from tests.concurrency import at_once

pytestmark = pytest.mark.integration
SHARDS = 16
RING = partial(KeyRing, "k", {"k": b"k" * 32})
WRONG_RING = partial(KeyRing, "k", {"k": b"w" * 32})
DAY = date(2026, 10, 5)


def _identity(number: int) -> Identity:
    return Identity(number.to_bytes(32, "big"), "x")


def _identities(count: int, start: int = 0) -> list[Identity]:
    return [_identity(number) for number in range(start, start + count)]


@pytest.fixture
def keys(engine: Engine) -> RelationalSubjectKeys:
    return RelationalSubjectKeys(engine, RING, SHARDS)


@pytest.fixture
def elsewhere(engine: Engine) -> RelationalSubjectKeys:
    """The same keys as another process sees them."""
    return RelationalSubjectKeys(engine, RING, SHARDS)


@pytest.fixture
def looking_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Poll the key generation without delay."""
    monkeypatch.setattr(subject_keys, "_POLL_S", 0.0)


@contextmanager
def _statements(engine: Engine) -> Iterator[list[str]]:
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "subject" in statement:
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def _count(engine: Engine, table: str) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(sql_table(table))).scalar_one())


def test_an_identity_is_one_subject_with_one_key_for_everybody(
    keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys
) -> None:
    first = keys.ensure([_identity(1), _identity(2), _identity(1)])
    assert first[0] == first[2] != first[1]
    assert keys.ensure([_identity(2), _identity(1)]) == [first[1], first[0]]
    assert elsewhere.ensure([_identity(1), _identity(2)]) == first[:2]
    assert len({each.key for each in first}) == len({each.subject_id for each in first}) == 2
    assert all(len(each.key) == 32 and 0 <= each.shard < SHARDS for each in first)
    assert "hidden" in repr(first[0])
    assert keys.ensure([]) == []


def test_an_identity_can_be_found_without_being_made(keys: RelationalSubjectKeys, engine: Engine) -> None:
    assert keys.find(_identity(1)) is None
    assert _count(engine, "subjects") == 0
    [subject] = keys.ensure([_identity(1)])
    assert keys.find(_identity(1)) == subject.subject_id


def test_keys_are_read_by_their_ids(keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys) -> None:
    made = keys.ensure(_identities(3))
    assert elsewhere.keys([each.key_id for each in made] + ["missing"]) == {each.key_id: each.key for each in made}
    assert elsewhere.keys([]) == {}


def test_a_key_lies_wrapped(keys: RelationalSubjectKeys, engine: Engine) -> None:
    [subject] = keys.ensure([_identity(1)])
    with reading(engine) as connection:
        [row] = connection.execute(sa.select(sql_table("subject_keys"))).all()
    assert subject.key not in bytes(row.wrapped_key)
    assert row.expires_at is None


def test_keys_are_made_and_read_in_batches(
    keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys, engine: Engine
) -> None:
    many = _identities(500)
    with _statements(engine) as seen:
        made = keys.ensure(many)
    assert len(seen) <= 8, "new subjects cost the same few statements, however many they are"
    with _statements(engine) as seen:
        assert keys.ensure(many) == made
    assert seen == [], "what is cached is not read again"
    with _statements(engine) as seen:
        assert elsewhere.ensure(many) == made
        assert len(elsewhere.keys([each.key_id for each in made])) == 500
    assert len(seen) == 3


def test_more_subjects_than_a_statement_has_parameters(tight_engine: Engine) -> None:
    keys = RelationalSubjectKeys(tight_engine, RING, SHARDS)
    made = keys.ensure(_identities(2_500))
    assert len({each.subject_id for each in made}) == 2_500
    assert len(keys.keys([each.key_id for each in made])) == 2_500


def test_the_cache_is_bounded_and_a_larger_batch_still_complete(engine: Engine) -> None:
    keys = RelationalSubjectKeys(engine, RING, SHARDS, cache_size=10)
    made = keys.ensure(_identities(50))
    assert keys.ensure(_identities(50)) == made
    assert len(keys._cache) == 10
    assert keys.ensure(_identities(30) + _identities(5)) == made[:30] + made[:5]


def test_racing_processes_give_an_identity_one_subject(engine: Engine) -> None:
    stores = [RelationalSubjectKeys(engine, RING, SHARDS) for _ in range(5)]
    found = at_once(*[partial(store.ensure, _identities(60, start=10 * n)) for n, store in enumerate(stores)])
    subjects: dict[int, set[str]] = {}
    for number, made in enumerate(found):
        for place, each in enumerate(made):
            subjects.setdefault(10 * number + place, set()).add(f"{each.subject_id} {each.key_id} {each.key.hex()}")
    assert all(len(each) == 1 for each in subjects.values())
    assert _count(engine, "subjects") == _count(engine, "subject_keys") == len(subjects) == 100


def test_threads_may_share_a_small_cache(engine: Engine, looking_always: None) -> None:
    keys = RelationalSubjectKeys(engine, RING, SHARDS, cache_size=3)
    expected = keys.ensure(_identities(12))

    def ask(start: int) -> None:
        for turn in range(15):
            wanted = [(start + turn + each) % 12 for each in range(4)]
            assert keys.ensure([_identity(each) for each in wanted]) == [expected[each] for each in wanted]

    def destroy() -> None:
        for number in range(100, 115):
            [subject] = keys.ensure([_identity(number)])
            keys.destroy(subject.subject_id)

    at_once(*[partial(ask, start) for start in range(3)], destroy)


# --- destruction -----------------------------------------------------------------------------------------------------


def test_a_destroyed_subject_is_gone_and_comes_back_as_another(
    keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys, looking_always: None
) -> None:
    [gone, stays] = keys.ensure(_identities(2))
    assert elsewhere.ensure(_identities(2)) == [gone, stays]
    assert keys.destroy(gone.subject_id) == 1
    assert keys.keys([gone.key_id, stays.key_id]) == {stays.key_id: stays.key}
    assert keys.find(_identity(0)) is None
    for store in (keys, elsewhere):
        [again, kept] = store.ensure(_identities(2))
        assert kept == stays
        assert not {again.subject_id, again.key_id, again.key} & {gone.subject_id, gone.key_id, gone.key}


def test_destroying_moves_the_generation_for_everybody(
    keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys, looking_always: None
) -> None:
    [subject] = keys.ensure([_identity(1)])
    assert keys.generation() == elsewhere.generation() == 0
    assert keys.destroy(subject.subject_id) == 1
    assert keys.generation() == elsewhere.generation() == 1
    assert keys.destroy("nobody") == 0
    assert keys.destroy_expired(datetime(2026, 1, 1, tzinfo=UTC)) == 0
    assert elsewhere.generation() == 2


def test_a_destroyed_key_is_known_elsewhere_within_the_time_between_two_looks(
    keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(subject_keys.time, "monotonic", lambda: now[0])
    [subject] = elsewhere.ensure([_identity(1)])
    keys.destroy(subject.subject_id)
    now[0] += 0.4
    assert elsewhere.generation() == 0
    now[0] += 0.2
    assert elsewhere.generation() == 1
    assert elsewhere.ensure([_identity(1)]) != [subject]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_destroyed_key_is_overwritten_on_the_disk(keys: RelationalSubjectKeys, engine: Engine) -> None:
    made = keys.ensure(_identities(50))
    with reading(engine) as connection:
        rows = connection.execute(sa.select(sql_table("subject_keys"))).all()
    wrapped = {row.key_id: bytes(row.wrapped_key) for row in rows}
    file = Path(str(engine.url.database))

    def lying_around(key_id: str) -> bool:
        return any(wrapped[key_id] in path.read_bytes() for path in file.parent.glob(f"{file.name}*"))

    assert all(lying_around(each.key_id) for each in made)
    keys.destroy(made[7].subject_id)
    assert not lying_around(made[7].key_id)
    assert all(lying_around(each.key_id) for each in made[8:])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_reader_that_stays_does_not_keep_a_key_from_being_destroyed(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relational, "BUSY_MS", 100)
    monkeypatch.setattr(sqlite, "BUSY_S", 0.1)
    engine = connect(database_url)
    keys = RelationalSubjectKeys(engine, RING, SHARDS)
    [subject] = keys.ensure([_identity(1)])
    with reading(engine) as connection, capture_logs() as logs:
        connection.execute(sa.select(sql_table("subjects"))).all()
        assert keys.destroy(subject.subject_id) == 1
    assert ["write-ahead log" in line["event"] for line in logs] == [True]
    assert keys.keys([subject.key_id]) == {}
    engine.dispose()


# --- the key of the day ----------------------------------------------------------------------------------------------


def test_a_day_has_one_key_for_everybody(engine: Engine) -> None:
    stores = [RelationalSubjectKeys(engine, RING, SHARDS) for _ in range(5)]
    found = at_once(*[partial(store.daily_key, DAY) for store in stores])
    assert all(each == found[0] for each in found)
    assert found[0] == stores[0].daily_key(DAY)
    assert found[0] != stores[0].daily_key(date(2026, 10, 6))
    assert found[0].subject_id == "daily-2026-10-05"
    assert _count(engine, "subject_keys") == 2


def test_a_key_of_the_day_dies_after_thirty_days(
    keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys, looking_always: None
) -> None:
    daily, other = keys.daily_key(DAY), elsewhere.daily_key(date(2026, 10, 6))
    [subject] = keys.ensure([_identity(1)])
    end = datetime(2026, 10, 5, tzinfo=UTC) + timedelta(days=30)
    assert keys.destroy_expired(end - timedelta(microseconds=1)) == 0
    assert keys.destroy_expired(end) == 1
    assert set(elsewhere.keys([daily.key_id, other.key_id, subject.key_id])) == {other.key_id, subject.key_id}
    assert elsewhere.daily_key(DAY).key != daily.key, "a key that died is not made again"
    assert keys.destroy_expired(end + timedelta(days=365)) == 2
    assert elsewhere.ensure([_identity(1)]) == [subject], "a person's key lives until erasure"


# --- the key-encryption key ------------------------------------------------------------------------------------------


def test_another_key_file_opens_nothing_and_adds_nothing(keys: RelationalSubjectKeys, engine: Engine) -> None:
    [subject] = keys.ensure([_identity(1)])
    wrong = RelationalSubjectKeys(engine, WRONG_RING, SHARDS)
    for ask in (
        lambda: wrong.ensure([_identity(1)]),
        lambda: wrong.ensure([_identity(2)]),
        lambda: wrong.keys([subject.key_id]),
        lambda: wrong.daily_key(DAY),
    ):
        with pytest.raises(UnsealError, match="ALPHAADS_KEY_FILE"):
            ask()
    assert _count(engine, "subjects") == _count(engine, "subject_keys") == 1


@pytest.mark.parametrize("column", ["key_id", "subject_id"])
def test_a_wrapped_key_cannot_be_moved_to_another_row(keys: RelationalSubjectKeys, engine: Engine, column: str) -> None:
    made = keys.ensure(_identities(2))
    table = sql_table("subject_keys")
    with transaction(engine) as connection:
        [first, second] = connection.execute(sa.select(table).order_by(table.c.key_id)).all()
        connection.execute(
            table.update().where(table.c.key_id == first.key_id).values(wrapped_key=second.wrapped_key)
            if column == "key_id"
            else table.update().where(table.c.key_id == first.key_id).values(subject_id=second.subject_id)
        )
    fresh = RelationalSubjectKeys(engine, RING, SHARDS)
    with pytest.raises(UnsealError):
        fresh.keys([first.key_id])
    assert fresh.keys([second.key_id])[second.key_id] in {each.key for each in made}


def test_a_store_says_whether_it_holds_what_needs_its_key_file(keys: RelationalSubjectKeys, engine: Engine) -> None:
    assert not needs_key_file(engine)
    keys.daily_key(DAY)
    assert needs_key_file(engine)


def test_subjects_whose_key_was_lost_get_a_new_one_and_stay_who_they_are(
    keys: RelationalSubjectKeys, elsewhere: RelationalSubjectKeys, engine: Engine, looking_always: None
) -> None:
    made = keys.ensure(_identities(5))
    table = sql_table("subject_keys")
    with transaction(engine) as connection:
        connection.execute(table.delete().where(table.c.key_id.in_([each.key_id for each in made[:3]])))
    assert keys.make_missing() == 3
    assert keys.make_missing() == 0
    found = elsewhere.ensure(_identities(5))
    assert [each.subject_id for each in found] == [each.subject_id for each in made]
    assert found[3:] == made[3:]
    assert not {each.key for each in found[:3]} & {each.key for each in made}
    assert keys.ensure(_identities(5)) == found, "nobody goes on with a key that was lost"
