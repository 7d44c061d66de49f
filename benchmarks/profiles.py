"""`bench profiles`: how fast one core folds scored posts into profiles, and whether many profiles make a batch dearer.

The fold runs in a process whose polars has one thread, beside a plain polars group-by over the same rows. Then the same
batches (read the states before, fold, write live profiles) go through two SQLite stores by turns, a small and a big
one, filled with the same kind of states.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from sqlalchemy import Engine

from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.state import FORMAT, ProfileState, encode
from alphaads_pipelines.stores.relational import (
    connect,
    insert_ignore,
    migrate,
    reading,
    select_in,
    transaction,
    upsert,
)
from benchmarks.live import live_settings
from benchmarks.scored import scored_batches

_BATCH_POSTS = 10_000
_SMALL_PROFILES = 10_000
_PEOPLE = 4_000
"""Of a batch; who they are in a store is drawn anew for each batch, out of all of its profiles."""
_BEFORE = 40
_CHUNK = 50_000
_LIMIT = 1.3
_LEAST_POSTS_PER_SECOND = 100_000


def _past() -> bytes:
    """A state of some weeks, such as most of a big store are."""
    hours = {490_000 + 11 * hour: [1, 1, 250, 0, 0, 0, 1, 0, 0, 0] for hour in range(40)}
    topics = {f"brand-{number}": {490_000 + 11 * number: [1, 250]} for number in range(8)}
    return encode(ProfileState(FORMAT, hours, {"en": 40}, {"x": 40}, topics))


def _fill(engine: Engine, profiles: int) -> list[str]:
    """Live profiles with random subject ids."""
    rng, state = np.random.default_rng(7), _past()
    people = [rng.bytes(16).hex() for _ in range(profiles)]
    for start in range(0, profiles, _CHUNK):
        rows = [
            {"subject_id": subject, "shard": number % 16, "publish_seq": 0, "state": state}
            for number, subject in enumerate(people[start : start + _CHUNK])
        ]
        with transaction(engine) as connection:
            insert_ignore(connection, "live_profiles", rows)
    return people


def _batch_seconds(engine: Engine, scores: pl.DataFrame, entities: pl.DataFrame, number: int) -> dict[str, float]:
    """Read the states before, fold, write what is live."""
    started = time.perf_counter()
    subjects = scores["subject_id"].unique().to_list()
    with reading(engine) as connection:
        rows = select_in(connection, "live_profiles", "subject_id", subjects, ["subject_id", "state"])
    prior = {row.subject_id: row.state for row in rows}
    read = time.perf_counter()
    profiles, _ = fold_profiles(prior, scores, number, entities)
    folded = time.perf_counter()
    live = profiles.select("subject_id", "shard", "state").iter_rows(named=True)
    with transaction(engine) as connection:
        upsert(connection, "live_profiles", [{**row, "publish_seq": number} for row in live])
    written = time.perf_counter()
    return {"read": read - started, "fold": folded - read, "write": written - folded, "all": written - started}


class _Store:
    """One relational store with its profiles."""

    def __init__(self, url: str, profiles: int) -> None:
        migrate(url)
        self._engine = connect(url)
        self._people = _fill(self._engine, profiles)
        self._rng = np.random.default_rng(profiles)
        self.seconds: list[dict[str, float]] = []

    def run(self, scores: pl.DataFrame, entities: pl.DataFrame, number: int) -> None:
        """Run a batch whose authors are drawn from this store."""
        drawn = self._rng.choice(len(self._people), _PEOPLE, replace=False)
        mine = pl.DataFrame({"subject_id": _names(), "own": [self._people[place] for place in drawn]})
        own = scores.join(mine, on="subject_id").with_columns(subject_id="own").drop("own")
        self.seconds.append(_batch_seconds(self._engine, own, entities, number))

    def medians(self) -> dict[str, float]:
        """Seconds of each part of a batch."""
        return {part: round(statistics.median(each[part] for each in self.seconds), 4) for part in self.seconds[0]}


def _names() -> list[str]:
    return [f"{number:032x}" for number in range(_PEOPLE)]


def _fold_alone(home: Path, batches: int) -> dict[str, Any]:
    sizes = {"batch_posts": _BATCH_POSTS, "people": _PEOPLE, "before": _BEFORE, "batches": batches}
    environment = {**live_settings(home).process_environment, "POLARS_MAX_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.fold", json.dumps(sizes)]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)  # noqa: S603
    measured: dict[str, Any] = json.loads(done.stdout)
    return measured


def _compared(folder: Path, profiles: int, runs: int) -> dict[str, Any]:
    """The same batches through both stores, by turns first; the first batch, which warms them, does not count."""
    stores = [
        _Store(f"sqlite:///{folder / name}.db", size) for name, size in (("small", _SMALL_PROFILES), ("big", profiles))
    ]
    for number, (scores, entities) in enumerate(islice(scored_batches(_names(), _BATCH_POSTS, 11), runs + 1)):
        for store in stores if number % 2 else reversed(stores):
            store.run(scores, entities, number)
    small, big = ([each["all"] for each in store.seconds[1:]] for store in stores)
    return {
        "small_seconds": stores[0].medians(),
        "big_seconds": stores[1].medians(),
        "ratio": round(sum(big) / sum(small), 3),
        "median_ratio": round(statistics.median(b / s for b, s in zip(big, small, strict=True)), 3),
    }


def run(profiles: int = 100_000, batches: int = 20, runs: int = 7) -> dict[str, Any]:
    """Fold `batches` batches alone; compare `runs` batches in a store of 10,000 profiles and one of `profiles`."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as name:
        folder = Path(name)
        fold = _fold_alone(folder / "home", batches)
        batch = _compared(folder, profiles, runs)
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
