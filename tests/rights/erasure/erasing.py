"""A filled installation for erasure tests: data of every person in every store."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import sqlalchemy as sa

from alphaads_pipelines.decisions.spool import Spool
from alphaads_pipelines.rights.erasure import erasure
from alphaads_pipelines.rights.requests import RightsRequests
from alphaads_pipelines.schema.tables import LAKE_TABLES, RAW_POSTS, REJECTED_POSTS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction
from alphaads_pipelines.streams.base import OffsetRange, Record
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.posts import synthetic_posts
from tests.publishing import publish_batches

AUTHORS = 8
_KEPT_TABLES = ("live_profiles", "subjects", "subject_keys", "consent_events", "restrictions", "post_keys")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def settings_of(folder: Path, **more: Any) -> Settings:
    """Settings of the installation under `folder`."""
    home = {"alphaads_home": folder / "home", "scorer_tier": "lexicon", "shards": 4, "stream_partitions": 2}
    return Settings(_env_file=None, environment="test", **{**home, **more})


def take_posts(wiring: Wiring, prefix: str, posts: int = 60) -> None:
    """Posts of the same few authors, under ids of their own, and one of each that is rejected."""
    payloads = [{**each, "id": f"{prefix}-{each['id']}"} for each in synthetic_posts(posts, seed=3, authors=AUTHORS)]
    authors = {each["author_id"]: each for each in payloads}
    odd = [{**each, "id": f"{prefix}-odd-{author}", "created_at": "some day"} for author, each in authors.items()]
    wiring.intake.take("generic", [*payloads, *odd], "c" * 32)


def subjects_of(wiring: Wiring) -> list[str]:
    """Subjects with posts in the lake, in order."""
    raw = wiring.lake.scan(RAW_POSTS).select("subject_id").unique().collect()
    return sorted(raw["subject_id"])


def fill(settings: Settings) -> None:
    """Two batches of posts, replayed once; decisions, events, consents, links, rectifications of every person."""
    with wired(settings) as wiring:
        for prefix in ("first", "second"):
            take_posts(wiring, prefix)
            publish_batches(wiring)
        committed = [batch.seq for batch in wiring.ledger.batches(state="committed")]
        wiring.ledger.replay(committed[:1], datetime.now(UTC))
        publish_batches(wiring)
        everybody = subjects_of(wiring)
        assert len(everybody) == AUTHORS
        _decide(wiring, everybody)
        _say(wiring, everybody)


def _decide(wiring: Wiring, everybody: list[str]) -> None:
    settings, spool = wiring.settings, Spool(wiring.settings.spool_path)
    for number, subject in enumerate(everybody):
        decisions = [f"{number:016x}{each:016x}" for each in range(3)]
        records = [orjson.dumps({"decision_id": each, "subject_id": subject, "arm_id": "a"}) for each in decisions]
        events = [orjson.dumps({"event_id": f"e{each}", "decision_id": each, "kind": "click"}) for each in decisions]
        wiring.stream.produce(settings.decisions_topic, [Record(0, each) for each in records[:2]])
        wiring.stream.produce(settings.events_topic, [Record(1, each) for each in events])
        spool.append(records[2])
    spool.close()


def _say(wiring: Wiring, everybody: list[str]) -> None:
    with transaction(wiring.engine) as connection:
        for number, subject in enumerate(everybody):
            consent = {"purpose": "analytics", "is_granted": True, "source": "api", "evidence": "e"}
            connection.execute(
                sql_table("consent_events").insert().values(subject_id=subject, recorded_at=NOW, **consent)
            )
            link = {"person_id": f"{number // 2:032x}", "change_seq": 1, "linked_at": NOW}
            columns = sql_table("people").c.keys()
            row = {name: value for name, value in {"subject_id": subject, **link}.items() if name in columns}
            insert_ignore(connection, "people", [row])
            for name, more in (
                ("restrictions", {"reason": "accuracy", "restricted_at": NOW}),
                ("rectifications", {"field": "mood", "value": "joy", "rectified_at": NOW}),
                ("ad_engagement", {"hour": 1, "change_seq": 1, "impressions": 1, "clicks": 1, "conversions": 0}),
            ):
                insert_ignore(connection, name, [{"subject_id": subject, **more}])
    wiring.rights.rights_requests.open("export", everybody[0], "export", NOW)


@contextmanager
def copied(filled: Path, to: Path) -> Iterator[Wiring]:
    """The wiring of a copy of a filled installation."""
    shutil.copytree(filled, to, dirs_exist_ok=True)
    with wired(settings_of(to)) as wiring:
        yield wiring


def rows_of_others(wiring: Wiring, subject: str) -> dict[str, Any]:
    """Every row, record and profile that is not the subject's, store by store, in order."""
    held: dict[str, Any] = {}
    for table in LAKE_TABLES:
        if "subject_id" in table.column_names:
            rows = wiring.lake.scan(table).filter(pl.col("subject_id") != subject).collect()
            held[table.name] = rows.sort(*table.key).rows()
    places = set()
    for table in (RAW_POSTS, REJECTED_POSTS):
        mine = wiring.lake.scan(table).filter(pl.col("subject_id") == subject)
        places.update(mine.select("stream_partition", "stream_offset").collect().rows())
    with reading(wiring.engine) as connection:
        for name in _KEPT_TABLES:
            stored = sql_table(name)
            rows = [tuple(row) for row in connection.execute(sa.select(stored).order_by(*stored.primary_key))]
            held[name] = [row for row in rows if subject not in row and row[1:] not in places]
    for topic in (wiring.topics.posts, wiring.topics.decisions):
        ranges = [OffsetRange(topic, each, 0, end) for each, end in wiring.stream.end_offsets(topic).items()]
        records = [each for chunk in wiring.stream.read(ranges) for each in chunk]
        held[topic] = [(each.partition, each.offset) for each in records if subject.encode() not in each.value]
    return held


def go_on_until(folder: Path, subject: str, where: str, skip: int) -> None:
    """Begin or resume an erasure in a subprocess killed (kill -9) at a named place.

    Parameters
    ----------
    where: a step; or in or after the transaction of the first one. skip: how often the step may tell of itself first.
    """
    erasure._SETTLE = timedelta(0)
    told = 0

    def die(*_: Any) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)

    def report(step: str, _number: int, _steps: int, _at: str) -> None:
        nonlocal told
        told += step == where
        if told > skip:
            die()

    with wired(settings_of(folder)) as wiring:
        wiring.rights.rights_requests = RightsRequests(
            wiring.engine, lease=timedelta(0)
        )  # expires the killed process's claim
        if where == "in the transaction":
            erasure.delete_subject = die  # type: ignore[assignment]
        if where == "after the transaction":
            wiring.rights.rights_requests.get = die  # type: ignore[method-assign]
        if not wiring.rights.erasure.pending():
            wiring.rights.erasure.begin(subject, "c" * 32)
        for request in wiring.rights.erasure.pending():
            assert wiring.rights.erasure.resume(request.request_id, report).state == "done"
