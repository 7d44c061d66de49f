"""Fills lake tables with random rows (like ciphertext) of two dates, in batches as in regular operation."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.stores.lake.base import Lake, Slice, polars_schema
from alphaads_pipelines.streams.base import OffsetRange

SHARDS = 16
PARTITIONS = 4
OFFSET_BASE = 1_000_000_000
"""First offset and batch of the rows, beyond those of timed batches."""
_BATCH_ROWS = 100_000
_BODY_BYTES = 350
_WIDTHS = {"nonce": 12, "post_key": 16, "state": 100}
_DAYS = 2
_EPOCH_DAY = (date(2024, 1, 1) - date(1970, 1, 1)).days


class Batches:
    """Batches with distinct offsets; other values are drawn once, as only their size matters."""

    def __init__(self, table: Table, seed: int) -> None:
        self._table = table
        self._random = np.random.default_rng(seed)
        self._values: dict[int, pl.DataFrame] = {}
        self._next_offset = [OFFSET_BASE] * PARTITIONS
        self._seq = OFFSET_BASE

    def next(self, posts: int) -> tuple[pl.DataFrame, Slice]:
        """Generate the next batch, spread over shards and dates."""
        self._seq += 1
        shard = self._random.permutation(np.arange(posts, dtype=np.int32) % SHARDS)
        partition = (shard % PARTITIONS).astype(np.int32)
        places = {
            "shard": shard,
            "stream_partition": partition,
            "stream_offset": self._offsets(partition),
            "batch_seq": np.full(posts, self._seq, np.int64),
        }
        days = self._random.integers(_EPOCH_DAY, _EPOCH_DAY + _DAYS, posts).astype(np.int32)
        columns = [pl.Series(name, values) for name, values in places.items()]
        frame = self._fixed(posts).with_columns(*columns, event_date=pl.Series(days).cast(pl.Date))
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
            width = _WIDTHS.get(name, _BODY_BYTES)
            blob = self._random.bytes(width * posts)
            return (blob[start : start + width] for start in range(0, len(blob), width))
        if kind == "utf8" and name.endswith("_id"):
            blob = self._random.bytes(16 * posts)
            return (blob[start : start + 16].hex() for start in range(0, len(blob), 16))
        if kind in ("utf8", "json"):
            return iter(["joy"] * posts)
        if kind == "float64":
            return iter(self._random.random(posts).tolist())
        return iter([1_704_067_200_000_000 if kind == "timestamp" else 0] * posts)


def fill(lake: Lake, table: Table, rows: int, seed: int = 7) -> None:
    """Fill an empty table with `rows` rows."""
    batches = Batches(table, seed)
    for held in range(0, rows, _BATCH_ROWS):
        lake.replace_slice(table, *batches.next(min(_BATCH_ROWS, rows - held)), lambda: None)
    lake.maintain(table, retention_hours=0)
