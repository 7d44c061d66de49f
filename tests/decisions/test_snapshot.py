"""The snapshot: swapped without a pause, never half of a publication, never anybody who was erased."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from alphaads_pipelines.bandits.policy_store import append_version
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.decisions import snapshot
from alphaads_pipelines.decisions.catalogue import Catalogue
from alphaads_pipelines.decisions.change_marker import ChangeMarker, read_change_marker
from alphaads_pipelines.decisions.decide import DecisionRequest
from alphaads_pipelines.decisions.snapshot import Snapshot, SnapshotReader
from alphaads_pipelines.errors import ConfigurationError, StaleData, StoreUnavailable
from alphaads_pipelines.ingest.publish import publish_profiles
from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.profiles.state import FORMAT, ProfileState, decode, encode
from alphaads_pipelines.schema.tables import EMOTIONS
from alphaads_pipelines.stores.live_profiles import LISTED
from alphaads_pipelines.stores.sql.documents import publish_document
from alphaads_pipelines.stores.sql.relational import connect, sql_table, transaction, upsert
from alphaads_pipelines.stores.subjects.permissions import Permission
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
from tests.catalogue_factories import advertise, decide

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
PEOPLE = [f"{number:032x}" for number in range(6)]
SHARDS = (0, 1, 2)


def _state(posts: int) -> bytes:
    joyful = [posts * (name == "joy") for name in EMOTIONS]
    hour, counts = int(NOON.timestamp()) // 3600, [posts, posts, 500 * posts, *joyful]
    return encode(ProfileState(FORMAT, {hour: counts}, {"en": posts}, {"x": posts}))


def _publish(engine: Engine, move: int, people: Sequence[str] = PEOPLE, shards: Sequence[int] = SHARDS) -> None:
    """Each person's state holds as many posts as the move of their shard."""
    rows = [
        {"subject_id": each, "shard": int(each, 16) % 3, "state": _state(move)}
        for each in people
        if int(each, 16) % 3 in shards
    ]
    with transaction(engine) as connection:
        publish_profiles(connection, rows, shards, move, {}, NOON)


def _publish_ads(engine: Engine, number: int) -> None:
    """Creatives that name their version, and a policy that knows them."""
    advertise(engine, [(f"v{number}-{each}", emotion) for each, emotion in enumerate(("joy", "joy", "neutral"))], NOON)
    policy = ThompsonPolicy()
    policy.update({f"v{number}-0": (number, 0)})
    with transaction(engine) as connection:
        assert append_version(connection, policy, NOON) == number


def _complete(engine: Engine, until: Sequence[datetime | None]) -> None:
    where = {"consumer": "posts", "topic": "posts.raw", "next_offset": 0, "end_offset": 0}
    rest = {"last_kind": "live", "lost_offsets": 0}
    rows = [{**where, **rest, "partition": number, "complete_until": at} for number, at in enumerate(until)]
    with transaction(engine) as connection:
        upsert(connection, "stream_positions", rows)


@pytest.fixture
def reader(engine: Engine) -> SnapshotReader:
    return SnapshotReader(engine, poll_s=0.001)


def _posts(snapshot: Snapshot, subject: str) -> int:
    state = snapshot.state_of(subject)
    assert state is not None
    return sum(counts[0] for counts in decode(state).hours.values())


def test_before_anything_is_published_there_is_nothing(reader: SnapshotReader) -> None:
    reader.refresh()
    snapshot = reader.current
    assert (snapshot.profiles, snapshot.catalogue, snapshot.version) == ({}, Catalogue(), "p0.c0.b0.0")
    assert snapshot.policies.serving.version == 0
    with pytest.raises(StaleData):
        snapshot.age_s(NOON)


def test_what_is_published_is_read(reader: SnapshotReader, engine: Engine) -> None:
    _publish(engine, 3)
    _publish_ads(engine, 1)
    _complete(engine, [NOON, NOON - timedelta(seconds=9)])
    reader.refresh()
    snapshot = reader.current
    assert snapshot.version == "p3.c1.b0.1"
    assert [_posts(snapshot, each) for each in PEOPLE] == [3] * len(PEOPLE)
    assert snapshot.state_of("f" * 32) is None
    assert snapshot.complete_until == NOON - timedelta(seconds=9), "the partition that is furthest behind counts"
    assert snapshot.policies.serving.policy.state() == {"arms": {"v1-0": [1, 0]}}


def test_one_partition_that_is_not_complete_makes_everything_stale(reader: SnapshotReader, engine: Engine) -> None:
    _complete(engine, [NOON, None])
    reader.refresh()
    with pytest.raises(StaleData):
        reader.current.check_age(NOON, 60.0)


def test_only_what_changed_is_read_again(reader: SnapshotReader, engine: Engine) -> None:
    _publish(engine, 1)
    _publish_ads(engine, 1)
    reader.refresh()
    before = reader.current
    _publish(engine, 2, people=PEOPLE[:1], shards=(0,))
    reader.refresh()
    after = reader.current
    assert after.profiles[1] is before.profiles[1]
    assert after.catalogue is before.catalogue
    assert after.policies is before.policies
    assert after.profiles[0][PEOPLE[3]] is before.profiles[0][PEOPLE[3]]
    assert (_posts(before, PEOPLE[0]), _posts(after, PEOPLE[0])) == (1, 2), "who holds the old one keeps it whole"


def test_who_looks_at_the_same_time_never_sees_less(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """One has looked and read nothing yet, when the other does both."""
    _publish(engine, 1)
    reader, seen, goes_on = SnapshotReader(engine), threading.Event(), threading.Event()

    def slow(*of: Any) -> ChangeMarker:
        found = read_change_marker(*of)
        if threading.current_thread() is first:
            seen.set()
            goes_on.wait(1)
        return found

    monkeypatch.setattr(snapshot, "read_change_marker", slow)
    first, second = (threading.Thread(target=reader.refresh) for _ in range(2))
    first.start()
    seen.wait()
    second.start()
    second.join(0.2)
    goes_on.set()
    first.join()
    second.join()
    assert [_posts(reader.current, each) for each in PEOPLE] == [1] * len(PEOPLE)


@pytest.mark.parametrize("missed", [LISTED - 1, LISTED, 2 * LISTED])
def test_who_was_away_for_long_sees_everything(reader: SnapshotReader, engine: Engine, missed: int) -> None:
    _publish(engine, 1)
    reader.refresh()
    _publish(engine, 2, people=PEOPLE[3:4], shards=(0,))
    for move in range(3, 2 + missed):
        _publish(engine, move, people=PEOPLE[:1], shards=(0,))
    reader.refresh()
    last = 1 + missed
    assert [_posts(reader.current, each) for each in PEOPLE[:4]] == [last, 1, 1, 2]
    assert reader.current.pointers == {0: last, 1: 1, 2: 1}


def test_a_shard_that_seldom_moves_is_followed_without_reading_it_whole(reader: SnapshotReader, engine: Engine) -> None:
    _publish(engine, 1)
    for move in range(2, 3 * LISTED):
        _publish(engine, move, shards=(0,))
    reader.refresh()
    before = reader.current
    _publish(engine, 3 * LISTED, people=PEOPLE[1:2], shards=(1,))
    reader.refresh()
    after = reader.current
    assert (_posts(after, PEOPLE[1]), _posts(after, PEOPLE[4])) == (3 * LISTED, 1)
    assert after.profiles[1][PEOPLE[4]] is before.profiles[1][PEOPLE[4]]


def test_what_was_published_before_changes_were_listed_is_read_whole(reader: SnapshotReader, engine: Engine) -> None:
    _publish(engine, 1)
    with transaction(engine) as connection:
        connection.execute(sql_table("profile_changes").delete())
        connection.execute(sql_table("published").update().values(listed_after=None))
    reader.refresh()
    assert [_posts(reader.current, each) for each in PEOPLE] == [1] * len(PEOPLE)
    before = reader.current
    _publish(engine, 2, people=PEOPLE[:1])
    reader.refresh()
    assert [_posts(reader.current, each) for each in PEOPLE[:2]] == [2, 1]
    assert reader.current.profiles[1][PEOPLE[1]] is before.profiles[1][PEOPLE[1]], "changes are listed from then on"


def _erase(engine: Engine, subject: str) -> None:
    with transaction(engine) as connection:
        for table in (sql_table("live_profiles"), sql_table("profile_changes")):
            connection.execute(table.delete().where(table.c.subject_id == subject))
    RelationalSubjectKeys(engine, lambda: KeyRing("k", {"k": bytes(32)}), 16).destroy(subject)


def test_an_erased_person_is_not_served_on(reader: SnapshotReader, engine: Engine) -> None:
    _publish(engine, 1)
    reader.refresh()
    _erase(engine, PEOPLE[0])
    reader.refresh()
    assert reader.current.state_of(PEOPLE[0]) is None
    assert _posts(reader.current, PEOPLE[1]) == 1


def _publish_nonsense(engine: Engine) -> None:
    publish_document(engine, "policy", {"serving": {"policy": "of a later version"}}, NOON)


def test_a_look_that_fails_after_an_erasure_does_not_hide_it(reader: SnapshotReader, engine: Engine) -> None:
    _publish(engine, 1)
    reader.refresh()
    _erase(engine, PEOPLE[0])
    _publish_nonsense(engine)
    with pytest.raises(ConfigurationError):
        reader.refresh()
    publish_document(engine, "policy", {"serving": {"policy": "thompson"}}, NOON)
    reader.refresh()
    assert reader.current.state_of(PEOPLE[0]) is None
    assert _posts(reader.current, PEOPLE[1]) == 1


def test_a_bad_look_keeps_the_snapshot_and_ends_nothing(reader: SnapshotReader, engine: Engine) -> None:
    _publish(engine, 1)
    reader.start()
    try:
        _wait_for(lambda: _is_at(reader.current, 1))
        _publish_nonsense(engine)
        _publish(engine, 2)
        threading.Event().wait(0.1)
        assert _is_at(reader.current, 1)
        publish_document(engine, "policy", {"serving": {"policy": "thompson"}}, NOON)
        _wait_for(lambda: _is_at(reader.current, 2))
    finally:
        reader.stop()


def test_a_store_that_is_away_is_no_error() -> None:
    reader = SnapshotReader(connect("postgresql+psycopg2://nobody@127.0.0.1:1/nothing"), poll_s=0.001)
    before = reader.current
    with pytest.raises(StoreUnavailable):
        reader.refresh()
    with capture_logs() as logs:
        reader.start()
        _wait_for(lambda: len(logs) > 2)
        reader.stop()
    assert {log["error"] for log in logs} == {"store_unavailable"}
    assert reader.current is before


def _is_at(snapshot: Snapshot, move: int) -> bool:
    return snapshot.pointers == dict.fromkeys(SHARDS, move)


def _wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(12_000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not happen within 120 s")


class _Deciders:
    """Threads that decide again and again and look whether what they hold fits together."""

    def __init__(self, reader: SnapshotReader, threads: int) -> None:
        self._reader = reader
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]
        self.problems: list[str] = []
        self.versions: set[str] = set()
        self.decided = 0

    def __enter__(self) -> _Deciders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.wait(0.001):  # without a rest the interpreter is theirs, and nothing is published
                self._look(self._reader.current)
        except Exception as error:  # noqa: BLE001 - whatever ends the thread is a finding
            self.problems.append(repr(error))

    def _look(self, snapshot: Snapshot) -> None:
        for person in PEOPLE:
            seen, pointer = _posts(snapshot, person), snapshot.pointers[int(person, 16) % 3]
            if seen != pointer:
                self.problems.append(f"{seen} posts at {pointer}")
        request = DecisionRequest(PEOPLE[0], "feed", "acme", "c")
        decision = decide(snapshot, request, Permission((PEOPLE[0],)), NOON)
        if any(not arm.startswith(f"v{snapshot.catalogue_version}-") for arm in decision.eligible):
            self.problems.append(f"{decision.eligible} in {decision.version}")
        self.versions.add(decision.version)
        self.decided += 1


def test_decisions_go_on_while_snapshots_are_swapped_and_never_mix_versions(
    reader: SnapshotReader, engine: Engine
) -> None:
    _publish(engine, 1)
    _publish_ads(engine, 1)
    _complete(engine, [NOON])
    reader.refresh()
    reader.start()
    try:
        with _Deciders(reader, 3) as deciders:
            for number in range(2, 25):
                _publish(engine, number, shards=SHARDS[: 1 + number % 3])
                if number % 4 == 0:
                    _publish_ads(engine, number // 4 + 1)
                before = deciders.decided
                _wait_for(lambda before=before: deciders.decided > before + 3 or bool(deciders.problems))
    finally:
        reader.stop()
    assert deciders.problems == []
    assert len(deciders.versions) > 5
