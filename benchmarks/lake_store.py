"""Does a micro-batch cost the lake more, the more the lake holds? The store's part of `alphaads bench lake`.

Rows are random: ciphertext is, and values do not matter to the cost of a write. Lakes of several sizes are filled, in
two event dates; into each, fresh batches are written as the pipeline writes them, first within those dates and then
spread over 30.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from alphaads_pipelines.schema import Table
from alphaads_pipelines.stores.base import Lake, Slice, polars_schema
from alphaads_pipelines.stores.delta import DeltaLake
from alphaads_pipelines.streams.base import OffsetRange
from alphaads_pipelines.tables import POST_SCORES, RAW_POSTS

SHARDS = 16
PARTITIONS = 4
BATCH_POSTS = 10_000
FILL_POSTS = 100_000
BODY_BYTES = 350
_WIDTHS = {"nonce": 12, "post_key": 16}
_FIRST_DAY = date(2024, 1, 1)


class Batches:
    """Batches of random rows of one table, each with its own offsets.

    Values other than places and dates are drawn once and reused: only their size matters.
    """

    def __init__(self, table: Table, seed: int, first_offset: int = 0) -> None:
        self._table = table
        self._random = np.random.default_rng(seed)
        self._values: dict[int, pl.DataFrame] = {}
        self._next_offset = [first_offset] * PARTITIONS
        self._seq = 0

    def next(self, posts: int, days: int) -> tuple[pl.DataFrame, Slice]:
        """The next batch, evenly over the shards and the first `days` dates."""
        self._seq += 1
        shard = self._random.permutation(np.arange(posts, dtype=np.int32) % SHARDS)
        partition = (shard % PARTITIONS).astype(np.int32)
        places = {
            "shard": shard,
            "stream_partition": partition,
            "stream_offset": self._offsets(partition),
            "batch_seq": np.full(posts, self._seq, np.int64),
        }
        dates = {"event_date": pl.Series(self._random.integers(0, days, posts).astype(np.int32)).cast(pl.Date)}
        shifted = dates["event_date"].dt.offset_by(f"{(_FIRST_DAY - date(1970, 1, 1)).days}d")
        columns = [pl.Series(name, values) for name, values in places.items()]
        frame = self._fixed(posts).with_columns(*columns, shifted.alias("event_date"))
        ranges = tuple(
            OffsetRange("posts.raw", each, end - int((partition == each).sum()), end)
            for each, end in enumerate(self._next_offset)
        )
        return frame.select(self._table.column_names), Slice(self._seq, ranges, tuple(range(SHARDS)))

    def _offsets(self, partition: np.ndarray[Any, np.dtype[np.int32]]) -> np.ndarray[Any, np.dtype[np.int64]]:
        offsets = np.empty(len(partition), np.int64)
        for each in range(PARTITIONS):
            mine = partition == each
            start, self._next_offset[each] = self._next_offset[each], self._next_offset[each] + int(mine.sum())
            offsets[mine] = np.arange(start, self._next_offset[each])
        return offsets

    def _fixed(self, posts: int) -> pl.DataFrame:
        if posts not in self._values:
            schema = polars_schema(self._table)
            self._values[posts] = pl.DataFrame(
                [pl.Series(name, list(self._column(name, posts)), schema[name]) for name in schema]
            )
        return self._values[posts]

    def _column(self, name: str, posts: int) -> Iterator[Any]:
        kind = self._table.column(name).type
        if kind == "binary":
            width = _WIDTHS.get(name, BODY_BYTES)
            blob = self._random.bytes(width * posts)
            return (blob[start : start + width] for start in range(0, len(blob), width))
        if kind == "utf8" and name.endswith("_id"):
            blob = self._random.bytes(16 * posts)
            return (blob[start : start + 16].hex() for start in range(0, len(blob), 16))
        if kind == "utf8":
            return iter(["joy"] * posts)
        if kind == "float64":
            return iter(self._random.random(posts).tolist())
        return iter([1_704_067_200_000_000 if kind == "timestamp" else 0] * posts)


def bench_lake_store(
    folder: Path, sizes: Sequence[int] = (50_000, 1_000_000, 5_000_000), runs: int = 9
) -> dict[str, Any]:
    """Fill a fresh lake of each size under `folder`; seconds of a 10,000-post write into each, and their ratios.

    Returns
    -------
    Per table: `lakes`, the figures of each size (seconds are medians of `runs` writes), and last by first of them
    `ratio` and `ratio_30_dates`.
    """
    figures = {}
    for table in (RAW_POSTS, POST_SCORES):
        lakes = [_bench_size(DeltaLake(folder / str(size)), table, size, runs) for size in sizes]
        figures[table.name] = {
            "lakes": lakes,
            "ratio": round(lakes[-1]["seconds"] / lakes[0]["seconds"], 3),
            "ratio_30_dates": round(lakes[-1]["seconds_30_dates"] / lakes[0]["seconds_30_dates"], 3),
        }
    return figures


def _bench_size(lake: DeltaLake, table: Table, size: int, runs: int) -> dict[str, Any]:
    batches = Batches(table, seed=7)
    fill(lake, table, batches, size)
    files = len(lake.files(table))
    return {
        "posts": size,
        "files": files,
        "seconds": _median(lake, table, batches, 2, runs),
        "seconds_30_dates": _median(lake, table, batches, 30, runs),
        "seconds_read_slice": _median_read(lake, table, batches),
        "maintenance": _timed_maintenance(lake, table),
    }


def fill(lake: DeltaLake, table: Table, batches: Batches, posts: int) -> None:
    """Bring an empty table to `posts` rows in two event dates, with the files that regular work leaves."""
    for held in range(0, posts, FILL_POSTS):
        _write(lake, table, batches, min(FILL_POSTS, posts - held), 2)
    lake.maintain(table, retention_hours=1)


def _write(lake: Lake, table: Table, batches: Batches, posts: int, days: int) -> float:
    rows, where = batches.next(posts, days)
    started = time.perf_counter()
    lake.replace_slice(table, rows, where, lambda: None)
    return time.perf_counter() - started


def _median(lake: Lake, table: Table, batches: Batches, days: int, runs: int) -> float:
    return round(statistics.median(_write(lake, table, batches, BATCH_POSTS, days) for _ in range(runs)), 4)


def _median_read(lake: Lake, table: Table, batches: Batches, runs: int = 5) -> float:
    rows, where = batches.next(BATCH_POSTS, 2)
    lake.replace_slice(table, rows, where, lambda: None)
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        if lake.read_slice(table, where).height != rows.height:
            raise AssertionError("a slice was not read back")
        seconds.append(time.perf_counter() - started)
    return round(statistics.median(seconds), 4)


def _timed_maintenance(lake: Lake, table: Table) -> dict[str, float]:
    started = time.perf_counter()
    figures = lake.maintain(table, retention_hours=1)
    return {"seconds": round(time.perf_counter() - started, 3), **figures}
