"""`bench erasure`: erases one person from a large lake; measures the time until unsealing fails, and the deletion.

Posts span 30 dates and 16 shards, with some of the person's in every batch. A process with a cached key unseals one of
them in a loop.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import (
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    LAKE_TABLES,
    POST_ENTITIES,
    POST_SCORES,
    RAW_POSTS,
)
from alphaads_pipelines.stores.lake.base import Slice
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.sql.relational import insert_ignore, transaction
from alphaads_pipelines.stores.subjects.subject_keys import shard_of
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.lake_store import OFFSET_BASE, PARTITIONS, Batches
from benchmarks.live import live_settings

T = TypeVar("T")
_DAYS, _EPOCH_DAY = 30, 19_723
_BATCH_ROWS = 100_000
_POSTS_OF_A_PROFILE = 50
_LIMIT_S = 1.0
_RECORD_BYTES = 500
_CHUNK = 50_000
_POST = {"id": "p", "platform": "instagram", "author_id": "bench", "author_name": "Bench", "text": "hello"}
_READER = """
import sys, time
from pathlib import Path
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.privacy.envelope import decode
from alphaads_pipelines.wiring.app import wired
sealed = decode(bytes.fromhex(sys.argv[1]))
with wired(Settings()) as wiring:
    while isinstance(wiring.sealer.unseal([sealed])[0], bytes):
        print("opened", flush=True)
        time.sleep(0.01)
    print(time.time(), flush=True)
"""


class _SubjectBatches(Batches):
    """Batches over 30 dates, each with rows of one person."""

    def __init__(self, table: Table, subject_id: str, shard: int, rows_each: int) -> None:
        super().__init__(table, seed=7)
        self._subject, self._shard, self._rows_each = subject_id, shard, rows_each
        self._chance = np.random.default_rng(8)

    def next(self, posts: int) -> tuple[pl.DataFrame, Slice]:
        """Generate the next batch."""
        frame, where = super().next(posts)
        own = self._chance.choice(np.flatnonzero(frame["shard"].to_numpy() == self._shard), self._rows_each)
        subjects = frame["subject_id"].to_numpy(writable=True)
        subjects[own] = self._subject
        changed = [pl.Series("subject_id", subjects, pl.String)]
        if "event_date" in frame.columns:
            days = self._chance.integers(_EPOCH_DAY, _EPOCH_DAY + _DAYS, posts).astype(np.int32)
            changed.append(pl.Series("event_date", days).cast(pl.Date))
        return frame.with_columns(changed), where


def _fill(wiring: Wiring, subject_id: str, posts: int) -> None:
    shard = shard_of(subject_id, wiring.settings.shards)
    for table in (RAW_POSTS, POST_SCORES, POST_ENTITIES, CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS):
        rows = posts if table in (RAW_POSTS, POST_SCORES, POST_ENTITIES) else max(1, posts // _POSTS_OF_A_PROFILE)
        batches = _SubjectBatches(table, subject_id, shard, rows_each=1)
        for held in range(0, rows, _BATCH_ROWS):
            wiring.lake.replace_slice(table, *batches.next(min(_BATCH_ROWS, rows - held)), lambda: None)
        wiring.lake.maintain(table, retention_hours=168)
    for name, rows_of in (("post_keys", _keys(posts)), ("live_profiles", _profiles(posts // _POSTS_OF_A_PROFILE))):
        for chunk in _chunks(rows_of):
            with transaction(wiring.engine) as connection:
                insert_ignore(connection, name, chunk)
    for numbers in _chunks(iter(range(posts))):
        records = [Record(number % PARTITIONS, os.urandom(_RECORD_BYTES)) for number in numbers]
        wiring.stream.produce(wiring.topics.posts, records)


def _chunks(items: Iterator[T]) -> Iterator[list[T]]:
    while chunk := list(islice(items, _CHUNK)):
        yield chunk


def _keys(posts: int) -> Iterator[dict[str, Any]]:
    for number in range(posts):
        yield {"post_key": os.urandom(16), "stream_partition": 0, "stream_offset": OFFSET_BASE + number}


def _profiles(profiles: int) -> Iterator[dict[str, Any]]:
    for number in range(profiles):
        state = os.urandom(100)
        yield {"subject_id": os.urandom(16).hex(), "shard": number % 16, "publish_seq": 0, "state": state}


def _envelope(wiring: Wiring) -> tuple[str, bytes]:
    """Take in one post of the person; return subject id and record."""
    created_at = datetime.now(UTC).isoformat()
    wiring.intake.take("generic", [{**_POST, "created_at": created_at}], "bench")
    subject_id = wiring.subject_keys.find(wiring.pseudonyms.identity("instagram", "bench"))
    assert subject_id is not None
    [record] = wiring.stream.holding(wiring.topics.posts, {subject_id})  # type: ignore[attr-defined]
    return subject_id, record.value


def _begin(wiring: Wiring, subject_id: str, record: bytes) -> tuple[str, float, float]:
    """Return the request id, seconds of the first step, and seconds until unsealing fails elsewhere."""
    command = [sys.executable, "-c", _READER, record.hex()]
    environment = wiring.settings.process_environment
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as reader:  # noqa: S603
        assert reader.stdout is not None
        reader.stdout.readline()
        began = time.time()
        request = wiring.rights.erasure.begin(subject_id, "bench")
        took = time.time() - began
        *_, last = reader.stdout
    return request.request_id, took, float(last) - began


def _files(wiring: Wiring) -> int:
    assert isinstance(wiring.lake, DeltaLake)
    return sum(len(wiring.lake.files(table)) for table in LAKE_TABLES)


def run(posts: int = 200_000) -> dict[str, Any]:
    """Fill lake, stream and store with `posts`; erase one person."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        settings = live_settings(Path(folder) / "home", alphaads_key_file=Path(folder) / "key")
        with wired(settings) as wiring:
            subject_id, record = _envelope(wiring)
            _fill(wiring, subject_id, posts)
            request_id, first_s, unseal_s = _begin(wiring, subject_id, record)
            seconds: dict[str, float] = {}
            marks = [("", time.perf_counter())]

            def report(step: str, _number: int, _steps: int, _where: str) -> None:
                now, (before, at) = time.perf_counter(), marks[0]
                seconds[before] = seconds.get(before, 0.0) + now - at
                marks[0] = (step, now)

            started = time.perf_counter()
            done = wiring.rights.erasure.resume(request_id, report)
            report("", 0, 0, "")
            physical_s = time.perf_counter() - started
            lake = done.progress["lake"]
            all_files = _files(wiring)
    return {
        "bench": "erasure",
        "posts": posts,
        "begin_seconds": round(first_s, 3),
        "seconds_until_no_process_can_unseal": round(unseal_s, 3),
        "limit_seconds": _LIMIT_S,
        "ratio": round(unseal_s / _LIMIT_S, 3),
        "physical_seconds": round(physical_s, 3),
        "seconds_by_step": {step: round(took, 3) for step, took in seconds.items() if step},
        "lake_files": all_files,
        "files_rewritten": sum(each.get("files_rewritten", 0) for each in lake.values()),
        "old_files_deleted": sum(each.get("old_files_deleted", 0) for each in lake.values()),
        "rows_deleted": sum(each.get("rows_deleted", 0) for each in lake.values()),
        "bytes_rewritten": sum(each.get("bytes_rewritten", 0) for each in lake.values()),
        "found_afterwards": sum(each["found"] for each in (done.receipt or {})["checked"].values()),
    }
