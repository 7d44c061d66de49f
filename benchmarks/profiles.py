"""`bench profiles`: throughput of folding posts into profiles, and a batch's cost in a small and a big SQLite store.

The fold runs with one polars thread, beside a plain group-by; then batches (read states, fold, publish) alternate
between both stores. Checkpoints of the write-ahead log, every few batches, finish before the next batch and are timed
separately: `ratio` excludes them, `ratio_with_copies` includes them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Engine

from alphaads_pipelines.ingest.publish import publish_profiles
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.state import FORMAT, ProfileState, encode
from alphaads_pipelines.sqlite import wait_for_copy
from alphaads_pipelines.stores.live_profiles import LISTED
from alphaads_pipelines.stores.sql.relational import (
    connect,
    insert_ignore,
    migrate,
    reading,
    select_in,
    sqlite_file,
    transaction,
)
from benchmarks.live import live_settings
from benchmarks.scored import scored_batches

_BATCH_POSTS = 10_000
_SMALL_PROFILES = 10_000
_SHARDS = 16
_PEOPLE = 4_000
"""Per batch, drawn for each from all profiles of the store."""
_WARM_UP_BATCHES = 40
_CHUNK = 50_000
_LIMIT = 1.3
_LEAST_POSTS_PER_SECOND = 100_000

Seconds = dict[str, float]
"""By part of a batch, with their sum `all`, and `copy` for a checkpoint."""


def _sample_state() -> bytes:
    """A state of some weeks, as most are."""
    hours = {490_000 + 11 * hour: [1, 1, 250, 0, 0, 0, 1, 0, 0, 0] for hour in range(40)}
    topics = {f"brand-{number}": {490_000 + 11 * number: [1, 250]} for number in range(8)}
    return encode(ProfileState(FORMAT, hours, {"en": 40}, {"x": 40}, topics))


def _fill(engine: Engine, profiles: int) -> list[str]:
    """Insert live profiles with random subject ids."""
    rng, state = np.random.default_rng(7), _sample_state()
    people = [rng.bytes(16).hex() for _ in range(profiles)]
    for start in range(0, profiles, _CHUNK):
        rows = [
            {"subject_id": subject, "shard": number % _SHARDS, "publish_seq": 0, "state": state}
            for number, subject in enumerate(people[start : start + _CHUNK])
        ]
        with transaction(engine) as connection:
            insert_ignore(connection, "live_profiles", rows)
    return people


def _publish_history(engine: Engine, people: Sequence[str]) -> None:
    """Fill the list of publications, so that each batch trims as much as it lists."""
    rng, state = np.random.default_rng(8), _sample_state()
    for number in range(LISTED):
        drawn = rng.choice(len(people), _PEOPLE // 2, replace=False).tolist()
        rows = [{"subject_id": people[place], "shard": place % _SHARDS, "state": state} for place in drawn]
        with transaction(engine) as connection:
            publish_profiles(connection, rows, range(_SHARDS), number + 1, {}, datetime.now(UTC))


def _batch_seconds(engine: Engine, scores: pl.DataFrame, entities: pl.DataFrame, number: int) -> Seconds:
    """Time a batch, and as `copy` the checkpoint it triggers."""
    started = time.perf_counter()
    subjects = scores["subject_id"].unique().to_list()
    with reading(engine) as connection:
        rows = select_in(connection, "live_profiles", "subject_id", subjects, ["subject_id", "state"])
    prior = {row.subject_id: row.state for row in rows}
    read = time.perf_counter()
    profiles, _ = fold_profiles(prior, scores, number, entities)
    folded = time.perf_counter()
    live = list(profiles.select("subject_id", "shard", "state").iter_rows(named=True))
    with transaction(engine) as connection:
        publish_profiles(connection, live, range(_SHARDS), number, {}, datetime.now(UTC))
    written = time.perf_counter()
    wait_for_copy(sqlite_file(engine))
    copied = time.perf_counter() - written
    return {
        "read": read - started,
        "fold": folded - read,
        "write": written - folded,
        "all": written - started,
        "copy": copied,
    }


class _Store:
    """One relational store with its profiles."""

    def __init__(self, url: str, profiles: int) -> None:
        migrate(url)
        self._engine = connect(url)
        self._people = _fill(self._engine, profiles)
        _publish_history(self._engine, self._people)
        self._rng = np.random.default_rng(profiles)
        self.seconds: list[Seconds] = []

    def run(self, scores: pl.DataFrame, entities: pl.DataFrame, number: int) -> None:
        """Run a batch whose authors are drawn from this store."""
        drawn = self._rng.choice(len(self._people), _PEOPLE, replace=False)
        mine = pl.DataFrame({"subject_id": _names(), "own": [self._people[place] for place in drawn]})
        own = scores.join(mine, on="subject_id").with_columns(subject_id="own").drop("own")
        self.seconds.append(_batch_seconds(self._engine, own, entities, number))


def _names() -> list[str]:
    return [f"{number:032x}" for number in range(_PEOPLE)]


def _fold_alone(home: Path, batches: int) -> dict[str, Any]:
    sizes = {"batch_posts": _BATCH_POSTS, "people": _PEOPLE, "before": _WARM_UP_BATCHES, "batches": batches}
    environment = {**live_settings(home).process_environment, "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.fold", json.dumps(sizes)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)  # noqa: S603
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _compare(folder: Path, profiles: int, runs: int) -> dict[str, Any]:
    """Run batches through both stores in alternating order; the first one warms up."""
    stores = [
        _Store(f"sqlite:///{folder / name}.db", size) for name, size in (("small", _SMALL_PROFILES), ("big", profiles))
    ]
    batches = islice(scored_batches(_names(), _BATCH_POSTS, 11), runs + 1)
    for number, (scores, entities) in enumerate(batches, LISTED + 1):
        for store in stores if number % 2 else reversed(stores):
            store.run(scores, entities, number)
    small, big = (store.seconds[1:] for store in stores)
    both = ("all", "copy")
    return {
        "small_seconds": _summary(small),
        "big_seconds": _summary(big),
        "ratio": round(_sum(big, "all") / _sum(small, "all"), 3),
        "median_ratio": round(statistics.median(b["all"] / s["all"] for b, s in zip(big, small, strict=True)), 3),
        "ratio_with_copies": round(_sum(big, *both) / _sum(small, *both), 3),
    }


def _summary(batches: Sequence[Seconds]) -> Seconds:
    """Median seconds by part; the mean for checkpoints, which are rare."""
    parts = {part: statistics.median(each[part] for each in batches) for part in batches[0] if part != "copy"}
    parts["copy"] = statistics.mean(each["copy"] for each in batches)
    return {part: round(seconds, 4) for part, seconds in parts.items()}


def _sum(batches: Sequence[Seconds], *parts: str) -> float:
    return sum(each[part] for each in batches for part in parts)


def run(profiles: int = 100_000, batches: int = 20, runs: int = 7) -> dict[str, Any]:
    """Fold `batches` batches; compare `runs` batches in stores of 10,000 and `profiles` profiles."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as name:
        folder = Path(name)
        fold = _fold_alone(folder / "home", batches)
        batch = _compare(folder, profiles, runs)
    return {
        "bench": "profiles",
        "fold": {**fold, "floor": _LEAST_POSTS_PER_SECOND},
        "batch": {
            "posts": _BATCH_POSTS,
            "batches": runs,
            "small": {"profiles": _SMALL_PROFILES},
            "big": {"profiles": profiles},
            **batch,
            "limit": _LIMIT,
        },
    }
