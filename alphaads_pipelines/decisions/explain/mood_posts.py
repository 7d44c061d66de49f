"""Posts behind a mood: those known at a decision, with their weights.

A post is known once its batch is published. For a batch run again since, its planning time is used, some seconds too
early: the ledger keeps only the last publication. Labels are the current ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from sqlalchemy import Engine

from alphaads_pipelines.profiles.count_fields import FIRST_EMOTION, WIDTH
from alphaads_pipelines.profiles.mood import DECAYS, HORIZON_HOURS, leading_emotion
from alphaads_pipelines.profiles.state import Hours
from alphaads_pipelines.profiles.time_buckets import hour_of
from alphaads_pipelines.schema.tables import EMOTIONS, POST_SCORES
from alphaads_pipelines.stores.lake.base import Lake
from alphaads_pipelines.stores.sql.relational import reading, select_in

HORIZON = timedelta(hours=HORIZON_HOURS)
_HOUR_US = 3_600_000_000
_COLUMNS = ("subject_id", "post_key", "platform", "created_at", "emotion", "stream_partition", "stream_offset")
_TIME = pl.Datetime("us", "UTC")


@dataclass(frozen=True, slots=True)
class MoodPosts:
    """Posts that show an emotion.

    Parameters
    ----------
    frame: subject_id, post_key, platform, created_at, emotion, stream_partition, stream_offset, batch_seq, hour (since
        the epoch), known_at, is_rerun (its batch was run again since).
    """

    frame: pl.DataFrame

    def weighed(self, at: datetime) -> pl.DataFrame:
        """Posts known at a time, with `weight` in posts and `share` of the total; the heaviest, then newest, first."""
        ages = pl.lit(hour_of(at)) - pl.col("hour")
        known = self.frame.filter(pl.col("known_at") <= at, ages >= 0, ages < HORIZON_HOURS)
        weights = np.array(DECAYS)[hour_of(at) - known["hour"].to_numpy()]
        weighed = known.with_columns(weight=pl.Series(weights, dtype=pl.Float64))
        shares = weighed.with_columns(share=pl.col("weight") / pl.col("weight").sum())
        return shares.sort("weight", "created_at", "post_key", descending=[True, True, False])


def read_mood_posts(
    engine: Engine, lake: Lake, shards: Mapping[str, int], since: datetime, until: datetime
) -> MoodPosts:
    """Read posts that show an emotion, written in a time range (inclusive). Raises StoreUnavailable.

    Parameters
    ----------
    shards: subject id -> shard.
    """
    rows = (
        lake.scan(POST_SCORES)
        .filter(
            pl.col("event_date").is_between(since.date(), until.date()),
            pl.col("shard").is_in(sorted(set(shards.values()))),
            pl.col("subject_id").is_in(sorted(shards)),
            pl.col("created_at").is_between(since, until),
            pl.col("version") == 0,  # edits do not count again
            pl.col("emotion").is_not_null(),
        )
        .select(*_COLUMNS, "batch_seq", hour=pl.col("created_at").dt.timestamp("us") // _HOUR_US)
        .collect()
    )
    return MoodPosts(rows.join(_batches(engine, rows["batch_seq"].unique()), on="batch_seq", how="inner"))


def _batches(engine: Engine, seqs: Collection[int]) -> pl.DataFrame:
    """batch_seq, known_at, is_rerun of published batches."""
    with reading(engine) as connection:
        found = select_in(connection, "batches", "batch_seq", seqs)
    known = [
        (row.batch_seq, row.planned_at if row.kind == "replay" else row.committed_at, row.kind == "replay")
        for row in found
        if row.kind == "replay" or row.committed_at is not None
    ]
    return pl.DataFrame(known, schema={"batch_seq": pl.Int64, "known_at": _TIME, "is_rerun": pl.Boolean}, orient="row")


def mood_from(posts: pl.DataFrame, at: datetime) -> str | None:
    """The leading emotion of posts (columns `hour`, `emotion`) by the rule of profiles/mood.py."""
    return leading_emotion(hours_of(posts), hour_of(at))


def hours_of(posts: pl.DataFrame) -> Hours:
    """Hour -> counts as in a profile's state, emotions only."""
    hours: Hours = {}
    for (hour, emotion), count in Counter(posts.select("hour", "emotion").iter_rows()).items():
        hours.setdefault(hour, [0] * WIDTH)[place_of(emotion)] += count
    return hours


def place_of(emotion: str) -> int:
    """An emotion's index in an hour's counts."""
    return FIRST_EMOTION + EMOTIONS.index(emotion)
