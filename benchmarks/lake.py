"""`bench lake`: does a micro-batch cost more, the more posts the lake and the more profiles the store hold?

Two installations are filled, a small and a big one, each with its posts in two event dates; then the same 10,000-post
batches run through both in turn, all stages, first within those dates and then spread over 30.
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
from alphaads_pipelines.stores.relational import insert_ignore, transaction
from alphaads_pipelines.tables import POST_SCORES, RAW_POSTS
from alphaads_pipelines.wiring import Wiring, wired
from benchmarks.lake_store import BATCH_POSTS, SHARDS, Batches, fill
from benchmarks.live import live_settings
from benchmarks.posts import synthetic_posts

_SMALL_POSTS, _SMALL_PROFILES = 50_000, 10_000
_FAR_OFFSET = 1_000_000_000
_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_AUTHORS = 4_000
_LIMIT = 1.3
_CHUNK = 50_000


def _keys(posts: int) -> Iterator[dict[str, Any]]:
    for offset in range(posts):
        yield {"post_key": os.urandom(16), "stream_partition": 0, "stream_offset": _FAR_OFFSET + offset}


def _profiles(profiles: int) -> Iterator[dict[str, Any]]:
    hours = {473_000 + hour: [1, 1, 250, 0, 0, 0, 1, 0, 0, 0] for hour in range(6)}
    state = states.encode(states.ProfileState(states.FORMAT, hours, {"en": 6}, {"generic": 6}))
    for number in range(profiles):
        yield {"subject_id": os.urandom(16).hex(), "shard": number % SHARDS, "publish_seq": 0, "state": state}


def _fill(wiring: Wiring, posts: int, profiles: int) -> None:
    for table in (RAW_POSTS, POST_SCORES):
        batches = Batches(table, seed=7, first_offset=_FAR_OFFSET)
        fill(wiring.lake, table, batches, posts)  # type: ignore[arg-type]
    for name, rows in (("post_keys", _keys(posts)), ("live_profiles", _profiles(profiles))):
        for chunk in _chunks(rows, _CHUNK):
            with transaction(wiring.engine) as connection:
                insert_ignore(connection, name, chunk)


def _batch_seconds(wiring: Wiring, number: int, days: int) -> float:
    """Take one batch in, and time its way from the ledger to published."""
    posts = synthetic_posts(BATCH_POSTS, seed=number, authors=_AUTHORS, start=_DAY, span_days=days)
    for chunk in _chunks(posts, 2_000):
        payloads = [{**post, "id": f"{number}-{post['id']}"} for post in chunk]
        wiring.intake.take("generic", payloads, "bench")
    started = time.perf_counter()
    now = datetime.now(UTC)
    wiring.ledger.plan(wiring.stream.end_offsets(wiring.settings.posts_topic), now)
    for batch in wiring.ledger.due(now, lambda _: False):
        claimed = wiring.ledger.claim(batch.seq, batch.attempt, "bench", now)
        with Heartbeat(wiring.ledger, claimed) as heartbeat:
            micro = MicroBatch(wiring, claimed, heartbeat.check)
            for stage in STAGES:
                micro.run(stage)
    return time.perf_counter() - started


def _chunks(items: Iterator[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    while chunk := list(islice(items, size)):
        yield chunk


def _medians(small: Wiring, big: Wiring, first: int, days: int, runs: int) -> tuple[float, float]:
    """Seconds per batch in the small and the big installation, run in turn so that both see the same machine."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(first, first + runs + 1):
        for wiring, times in zip((small, big), seconds, strict=True):
            times.append(_batch_seconds(wiring, number, days))
    return statistics.median(seconds[0][1:]), statistics.median(seconds[1][1:])


def run(posts: int = 500_000, profiles: int = 100_000, runs: int = 5) -> dict[str, Any]:
    """Fill both installations, the big one with `posts` and `profiles`; median seconds of a batch in each."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        settings = [live_settings(Path(folder) / name, batch_split_posts=10**9) for name in ("small", "big")]
        with wired(settings[0]) as small, wired(settings[1]) as big:
            _fill(small, _SMALL_POSTS, _SMALL_PROFILES)
            _fill(big, posts, profiles)
            near = _medians(small, big, 0, 1, runs)
            wide = _medians(small, big, 1_000, 30, runs)
    return {
        "bench": "lake",
        "batch_posts": BATCH_POSTS,
        "small": {"posts": _SMALL_POSTS, "profiles": _SMALL_PROFILES, "seconds": round(near[0], 3)},
        "big": {"posts": posts, "profiles": profiles, "seconds": round(near[1], 3)},
        "ratio": round(near[1] / near[0], 3),
        "seconds_30_dates": [round(seconds, 3) for seconds in wide],
        "ratio_30_dates": round(wide[1] / wide[0], 3),
        "limit": _LIMIT,
    }
