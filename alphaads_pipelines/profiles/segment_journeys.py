"""Journeys of segments: how whole groups feel, day by day or hour by hour. Exact counts; who may see them is decided
elsewhere (analytics/release.py). Pure.

A person counts under the segment that they are in now, so a segment's past is that of its people.
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
    """People and posts of every segment and time with posts.

    Parameters
    ----------
    states: of the people who may be counted, each once.
    since: buckets that begin earlier are left out.
    bucket_hours: 24 for days, 1 for hours; buckets begin at multiples of it since the epoch, UTC.

    Returns
    -------
    Columns of SCHEMA, by segment and time: `people` who posted then, their posts and scored posts, the sum of their
    sentiments in thousandths, and posts of each emotion. Groups may be as small as one person.
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
    """The rows of groups of at least so many people; that a group is missing tells no more than that it is small."""
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
