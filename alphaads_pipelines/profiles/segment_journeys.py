"""Exact emotions of segments by day or hour; analytics/release.py decides access. Pure.

People count under their current segment, past hours included.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from alphaads_pipelines.profiles.segments import Segmentation, segment_of
from alphaads_pipelines.profiles.state import WIDTH, ProfileState
from alphaads_pipelines.profiles.time_buckets import hour_at
from alphaads_pipelines.schema.tables import EMOTIONS

DAY_HOURS = 24

SCHEMA: dict[str, pl.DataType] = {
    "segment_id": pl.String(),
    "bucket_at": pl.Datetime("us", "UTC"),
    "people": pl.Int64(),
    "posts": pl.Int64(),
    "scored": pl.Int64(),
    "sentiment_sum_milli": pl.Int64(),
    **{name: pl.Int64() for name in EMOTIONS},
}


def count_segments(
    states: Iterable[ProfileState], segmentation: Segmentation, since: datetime, bucket_hours: int = DAY_HOURS
) -> pl.DataFrame:
    """Count people and posts by segment and bucket.

    Parameters
    ----------
    states: each countable person once.
    since: earlier buckets are omitted.
    bucket_hours: buckets start at its multiples since the epoch, UTC.

    Returns
    -------
    Columns of SCHEMA, sorted: people who posted then, sums of sentiment in thousandths. Groups may be single people.
    """
    cells: dict[tuple[str, int], list[int]] = {}
    for state in states:
        segment = segment_of(state, segmentation)
        if segment is not None:
            _add_person(cells, segment, state, since, bucket_hours)
    rows = [(segment, hour_at(bucket), *counts) for (segment, bucket), counts in cells.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort(
        pl.col("segment_id").str.slice(1).cast(int), "bucket_at"
    )


def large_enough(counts: pl.DataFrame, least_people: int) -> pl.DataFrame:
    """Drop small groups; absence reveals only smallness."""
    return counts.filter(pl.col("people") >= least_people)


def _add_person(
    cells: dict[tuple[str, int], list[int]], segment: str, state: ProfileState, since: datetime, bucket_hours: int
) -> None:
    seen = set()
    for hour, counts in state.hours.items():
        bucket = hour - hour % bucket_hours
        if any(counts) and hour_at(bucket) >= since:
            cell = cells.setdefault((segment, bucket), [0] * (1 + WIDTH))
            cell[0] += bucket not in seen
            seen.add(bucket)
            for place, count in enumerate(counts, 1):
                cell[place] += count
