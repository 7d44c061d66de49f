"""Engagement is counted exactly once from the streams, whatever dies, races or is erased."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event

from alphaads_pipelines.errors import WriteConflict
from alphaads_pipelines.pipeline.engagement import Engaged, update_engagement
from alphaads_pipelines.profiles.engagement import WINDOW
from alphaads_pipelines.stores.engagement import read_engagement
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction
from alphaads_pipelines.streams.base import Record, Stream
from alphaads_pipelines.streams.embedded import EmbeddedStream
from alphaads_pipelines.streams.topics import Topics
from tests.pipeline.meeting import MeetingStream

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = int(NOON.timestamp()) // 3600
DECISIONS, EVENTS = "ads.decisions", "ads.events"
ADA, BO = "a" * 32, "b" * 32


class Ads:
    """Streams of decisions and events, two people, and the consumer that counts."""

    def __init__(self, stream: Stream, engine: Engine) -> None:
        self.stream, self.engine, self.spread = stream, engine, 0
        self.noted: list[Collection[str]] = []
        with transaction(engine) as connection:
            rows = [
                {"identity_mac": subject.encode(), "subject_id": subject, "platform": "x", "shard": 0}
                for subject in (ADA, BO)
            ]
            insert_ignore(connection, "subjects", rows)

    def tell(self, topic: str, *records: Mapping[str, Any] | bytes) -> None:
        values = [record if isinstance(record, bytes) else orjson.dumps(record) for record in records]
        self.stream.produce(topic, [Record((self.spread + n) % 4, value) for n, value in enumerate(values)])
        self.spread += len(values)

    def decided(self, *keys: str, subject: str | None = ADA) -> None:
        at = NOON.isoformat()
        self.tell(DECISIONS, *({"decision_id": key, "subject_id": subject, "decided_at": at} for key in keys))

    def happened(self, kind: str, *keys: str, at: datetime = NOON) -> None:
        self.tell(EVENTS, *({"decision_id": key, "kind": kind, "occurred_at": at.isoformat()} for key in keys))

    def count(self, now: datetime = NOON) -> Engaged:
        topics = {"topics": Topics("posts.raw", DECISIONS, EVENTS)}
        return update_engagement(self.stream, self.engine, **topics, now=now, note=self.noted.append)

    def waiting(self) -> set[str]:
        with reading(self.engine) as connection:
            return set(connection.execute(sa.select(sql_table("open_ads").c.decision_id)).scalars())


@pytest.fixture
def ads(engine: Engine, tmp_path: Path) -> Iterator[Ads]:
    with EmbeddedStream(tmp_path / "stream") as stream:
        for topic in (DECISIONS, EVENTS):
            stream.ensure_topic(topic, 4)
        yield Ads(stream, engine)


def test_what_happened_is_counted_for_whom_it_happened_to(ads: Ads) -> None:
    ads.decided("1", "2")
    ads.decided("3", subject=BO)
    ads.happened("impression", "1", "2", "3")
    ads.happened("click", "2", at=NOON + timedelta(hours=1))
    done = ads.count()
    assert (done.decisions, done.events, done.left_out, done.hours) == (3, 4, 0, 3)
    assert read_engagement(ads.engine, ADA) == {HOUR: [2, 0, 0], HOUR + 1: [0, 1, 0]}
    assert read_engagement(ads.engine, BO) == {HOUR: [1, 0, 0]}
    assert read_engagement(ads.engine, ADA, BO) == {HOUR: [3, 0, 0], HOUR + 1: [0, 1, 0]}
    assert ads.noted == [{ADA, BO}]


def test_counting_again_changes_nothing(ads: Ads) -> None:
    ads.decided("1")
    ads.happened("click", "1")
    ads.count()
    again = ads.count()
    assert (again.decisions, again.events, again.hours) == (0, 0, 0)
    ads.happened("click", "1")
    ads.decided("1")
    assert ads.count().hours == 0, "an event that is told twice counts once"
    assert read_engagement(ads.engine, ADA) == {HOUR: [1, 1, 0]}


def test_halves_that_come_in_different_runs_are_joined(ads: Ads) -> None:
    ads.happened("conversion", "1", at=NOON + timedelta(hours=2))
    ads.count()
    assert read_engagement(ads.engine, ADA) == {}
    ads.decided("1")
    ads.count()
    assert read_engagement(ads.engine, ADA) == {HOUR + 2: [1, 0, 1]}
    ads.happened("impression", "1")
    ads.count()
    assert read_engagement(ads.engine, ADA) == {HOUR: [1, 0, 0], HOUR + 2: [0, 0, 1]}
    ads.happened("conversion", "1")
    ads.count()
    assert read_engagement(ads.engine, ADA) == {HOUR: [1, 0, 1]}, "an hour that holds nothing any more has no row"


def test_an_ad_waits_for_a_week_from_when_it_was_heard_of(ads: Ads) -> None:
    ads.decided("1")
    ads.count()
    ads.happened("impression", "1", "2")
    ads.count(NOON + WINDOW)
    assert ads.waiting() == {"1", "2"}
    assert ads.count(NOON + WINDOW + timedelta(seconds=1)).closed == 1
    assert ads.waiting() == {"2"}
    assert read_engagement(ads.engine, ADA) == {HOUR: [1, 0, 0]}


def test_nobody_and_the_erased_are_passed_over(ads: Ads) -> None:
    ads.decided("1", subject=None)
    ads.decided("2", subject="c" * 32)
    ads.happened("click", "1", "2")
    done = ads.count()
    assert (done.decisions, done.left_out, done.hours) == (0, 2, 0)
    ads.decided("3")
    ads.count()
    with transaction(ads.engine) as connection:
        for name in ("subjects", "open_ads", "ad_engagement"):
            table = sql_table(name)
            connection.execute(table.delete().where(table.c.subject_id == ADA))
    ads.decided("3")
    ads.happened("click", "3")
    ads.count()
    assert read_engagement(ads.engine, ADA) == {}


def test_records_that_are_none_stop_nothing(ads: Ads) -> None:
    ads.tell(DECISIONS, b"", b"[]", {"decision_id": "1", "subject_id": ADA, "decided_at": "some day"})
    ads.tell(EVENTS, b"\xff", {"decision_id": "1", "kind": None, "occurred_at": NOON.isoformat()})
    ads.tell(EVENTS, {"decision_id": "1", "kind": "click", "occurred_at": "0001-01-01T00:00:00+14:00"})
    ads.decided("1")
    done = ads.count()
    assert (done.decisions, done.events, done.left_out) == (1, 1, 5)


def test_dying_before_the_commit_changes_nothing(ads: Ads) -> None:
    ads.decided("1")
    ads.happened("click", "1")

    def die(_: Connection) -> None:
        raise KeyboardInterrupt

    event.listen(ads.engine, "commit", die)
    with pytest.raises(KeyboardInterrupt):
        ads.count()
    event.remove(ads.engine, "commit", die)
    assert read_engagement(ads.engine, ADA) == {}
    assert ads.count().version == 1
    assert read_engagement(ads.engine, ADA) == {HOUR: [1, 1, 0]}


def test_of_two_that_count_at_once_one_is_refused(ads: Ads, tmp_path: Path) -> None:
    ads.decided("1", "2")
    ads.happened("click", "1")
    outcomes: list[str] = []
    with MeetingStream(tmp_path / "stream", 2) as meeting:
        other = Ads(meeting, ads.engine)

        def run() -> None:
            try:
                outcomes.append(type(other.count()).__name__)
            except WriteConflict as error:
                outcomes.append(type(error).__name__)

        threads = [threading.Thread(target=run) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outcomes) == ["Engaged", "WriteConflict"]
    assert read_engagement(ads.engine, ADA) == {HOUR: [1, 1, 0]}
