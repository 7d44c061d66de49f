"""Rows for the lake's tests: small, valid, and distinguished by their offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, RAW_POSTS
from alphaads_pipelines.stores.lake.base import Slice, polars_schema
from alphaads_pipelines.streams.base import OffsetRange

SHARDS = 4
PARTITIONS = 2
DAY = date(2024, 3, 1)
OTHER_DAY = date(2024, 2, 1)
_FILLERS: dict[str, Any] = {
    "bool": True,
    "int32": 0,
    "int64": 0,
    "float64": 0.5,
    "utf8": "x",
    "json": "{}",
    "binary": b"sealed",
    "date": DAY,
    "timestamp": datetime(2024, 3, 1, 12, tzinfo=UTC),
}


def frame(table: Table, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of `table`, with a filler in each column that a row does not give."""
    filled = [{column.name: row.get(column.name, _FILLERS[column.type]) for column in table.columns} for row in rows]
    return pl.DataFrame(filled, schema=polars_schema(table), orient="row")


def posts(
    batch_seq: int,
    offsets: Mapping[int, Sequence[int]],
    day: date = DAY,
    table: Table = RAW_POSTS,
    shards: Mapping[int, Sequence[int]] | None = None,
) -> pl.DataFrame:
    """A post at each offset {stream partition: offsets}, in the partition's shards by turns."""
    held = shards or {partition: shards_of(partition) for partition in offsets}
    return frame(
        table,
        [
            {
                "event_date": day,
                "shard": held[partition][offset % len(held[partition])],
                "stream_partition": partition,
                "stream_offset": offset,
                "batch_seq": batch_seq,
                "subject_id": f"subject-{offset % 7}",
                "post_key": f"{partition:08d}{offset:08d}".encode(),
            }
            for partition, each in offsets.items()
            for offset in each
        ],
    )


def shards_of(partition: int) -> tuple[int, ...]:
    """Shards whose posts lie in `partition`."""
    return tuple(shard for shard in range(SHARDS) if shard % PARTITIONS == partition)


def post_slice(batch_seq: int, bounds: Mapping[int, tuple[int, int]], *, again: bool = False) -> Slice:
    """The slice of a batch that reads {stream partition: (start, end)}."""
    ranges = tuple(OffsetRange("posts.raw", each, start, end) for each, (start, end) in bounds.items())
    return Slice(batch_seq, ranges, tuple(shard for each in bounds for shard in shards_of(each)), again)


def profiles(batch_seq: int, subjects: Sequence[tuple[str, int]]) -> pl.DataFrame:
    """A profile version of each (subject, shard)."""
    return frame(
        CUSTOMER_PROFILES,
        [{"batch_seq": batch_seq, "subject_id": subject, "shard": shard} for subject, shard in subjects],
    )


def places(rows: pl.DataFrame | pl.LazyFrame) -> list[tuple[int, int, int]]:
    """Sorted (batch, stream partition, offset) of post rows."""
    found = rows.lazy().select("batch_seq", "stream_partition", "stream_offset").collect()
    return sorted(found.rows())


def no_guard() -> None:
    """The guard of a caller that surely owns its batch."""
