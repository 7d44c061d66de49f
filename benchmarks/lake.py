"""`bench lake`: the cost of a micro-batch in a small and a big installation.

The same 10,000-post batches run in both, first within the two event dates of existing posts, then over 30.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from alphaads_pipelines.ingest.heartbeat import Heartbeat
from alphaads_pipelines.pipeline.microbatch import MicroBatch
from alphaads_pipelines.pipeline.stages import STAGES
from alphaads_pipelines.profiles import state as states
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, POST_SCORES, RAW_POSTS
from alphaads_pipelines.stores.sql.relational import insert_ignore, transaction
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.lake_store import OFFSET_BASE, SHARDS, fill
from benchmarks.live import live_settings
from benchmarks.posts import synthetic_posts

_BATCH_POSTS = 10_000
_SMALL_POSTS, _SMALL_PROFILES = 50_000, 10_000
_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_AUTHORS = 4_000
_LIMIT = 1.3
_CHUNK = 50_000

Seconds = dict[str, float]
"""By stage of a batch, with `all` from the ledger to published."""


def _keys(posts: int) -> Iterator[dict[str, Any]]:
    for number in range(posts):
        yield {"post_key": os.urandom(16), "stream_partition": 0, "stream_offset": OFFSET_BASE + number}


def _profiles(profiles: int) -> Iterator[dict[str, Any]]:
    hours = {473_000 + hour: [1, 1, 250, 0, 0, 0, 1, 0, 0, 0] for hour in range(6)}
    state = states.encode(states.ProfileState(states.FORMAT, hours, {"en": 6}, {"generic": 6}))
    for number in range(profiles):
        yield {"subject_id": os.urandom(16).hex(), "shard": number % SHARDS, "publish_seq": 0, "state": state}


def _chunks(items: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(items, size)):
        yield chunk


def _fill(wiring: Wiring, posts: int, profiles: int) -> None:
    wiring.intake.take("generic", [], "bench")  # creates the keys, which a store with content must have
    for table in (RAW_POSTS, POST_SCORES):
        fill(wiring.lake, table, posts)
    for table in (CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS):
        fill(wiring.lake, table, profiles)
    for name, rows in (("post_keys", _keys(posts)), ("live_profiles", _profiles(profiles))):
        for chunk in _chunks(rows, _CHUNK):
            with transaction(wiring.engine) as connection:
                insert_ignore(connection, name, chunk)


def _batch_seconds(wiring: Wiring, number: int, days: int) -> Seconds:
    """Take in a batch and time it from the ledger to published."""
    posts = synthetic_posts(_BATCH_POSTS, seed=number, authors=_AUTHORS, start=_DAY, span_days=days)
    payloads = [{**post, "id": f"{number}-{post['id']}"} for post in posts]
    wiring.intake.take("generic", payloads, "bench")
    seconds: Seconds = {stage.value: 0.0 for stage in STAGES}
    started = time.perf_counter()
    now = datetime.now(UTC)
    wiring.ledger.plan(wiring.stream.end_offsets(wiring.topics.posts), now)
    for batch in wiring.ledger.due(now, lambda _: False):
        claimed = wiring.ledger.claim(batch.seq, batch.attempt, "bench", now)
        with Heartbeat(wiring.ledger, claimed) as heartbeat:
            micro = MicroBatch(wiring, claimed, heartbeat.check)
            for stage in STAGES:
                seconds[stage.value] += micro.run(stage).seconds
    return {**seconds, "all": time.perf_counter() - started}


def _compare(small: Wiring, big: Wiring, first: int, days: int, runs: int) -> dict[str, Any]:
    """Run batches through both in alternating order; the first one warms up.

    `ratio` compares total seconds; `median_ratio` excludes the occasional checkpoint.
    """
    pairs: list[tuple[Seconds, Seconds]] = []
    for number in range(first, first + runs + 1):
        order = (small, big) if number % 2 else (big, small)
        times = [_batch_seconds(wiring, number, days) for wiring in order]
        pairs.append((times[0], times[1]) if number % 2 else (times[1], times[0]))
    counted = pairs[1:]
    return {
        "small_seconds": _medians([pair[0] for pair in counted]),
        "big_seconds": _medians([pair[1] for pair in counted]),
        "ratio": round(sum(pair[1]["all"] for pair in counted) / sum(pair[0]["all"] for pair in counted), 3),
        "median_ratio": round(statistics.median(pair[1]["all"] / pair[0]["all"] for pair in counted), 3),
    }


def _medians(batches: list[Seconds]) -> Seconds:
    return {name: round(statistics.median(each[name] for each in batches), 3) for name in batches[0]}


def run(posts: int = 500_000, profiles: int = 100_000, runs: int = 5) -> dict[str, Any]:
    """Compare `runs` batches in a small installation and one with `posts` and `profiles`."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        settings = [live_settings(Path(folder) / name, batch_split_posts=10**9) for name in ("small", "big")]
        with wired(settings[0]) as small, wired(settings[1]) as big:
            _fill(small, _SMALL_POSTS, _SMALL_PROFILES)
            _fill(big, posts, profiles)
            two = _compare(small, big, 0, 2, runs)
            thirty = _compare(small, big, 1_000, 30, runs)
    return {
        "bench": "lake",
        "batch_posts": _BATCH_POSTS,
        "batches": runs,
        "small": {"posts": _SMALL_POSTS, "profiles": _SMALL_PROFILES},
        "big": {"posts": posts, "profiles": profiles},
        "in_two_dates": two,
        "over_30_dates": thirty,
        "ratio": two["ratio"],
        "ratio_30_dates": thirty["ratio"],
        "limit": _LIMIT,
    }
