"""The fold: a batch's scored posts and the states before it -> versions of profiles and journeys. Pure.

Only first versions of posts are folded: an edit says again what was counted already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from alphaads_pipelines.profiles import state as states
from alphaads_pipelines.profiles.state import FIRST_EMOTION, POSTS, SENTIMENT_SUM_MILLI, ProfileState
from alphaads_pipelines.profiles.view import mood_of
from alphaads_pipelines.stores.base import conform, polars_schema
from alphaads_pipelines.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, EMOTIONS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR_US = 3_600_000_000
_MILLI = 1000


def fold_profiles(
    prior: Mapping[str, bytes], scores: pl.DataFrame, batch_seq: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold scored posts into the states of the people who wrote them.

    Parameters
    ----------
    prior: subject id -> state before this batch; absent for somebody new. Empty to fold from nothing.
    scores: rows of `post_scores`, each post once.
    batch_seq: the version that the results carry.

    Returns
    -------
    Rows of `customer_profiles`, one per person in `scores`; rows of `emotional_journeys`, one per person and touched
    hour, with the counts as they are after this batch.
    """
    first = scores.filter(pl.col("version") == 0)
    hours = _by_hour(first)
    folded = {
        subject: states.decode(prior[subject]) if subject in prior else states.empty()
        for subject in hours["subject_id"].unique(maintain_order=True)
    }
    journeys = [_add_hour(folded, row) for row in hours.iter_rows()]
    for name, column in (("language", "languages"), ("platform", "platforms")):
        for subject, counts in _by_name(first, name):
            states.add_counts(getattr(folded[subject], column), counts)
    shards = dict(zip(hours["subject_id"], hours["shard"], strict=True))
    profiles = [_profile(subject, shards[subject], batch_seq, state) for subject, state in folded.items()]
    return _frame(CUSTOMER_PROFILES, profiles), _journey_frame(journeys, shards, batch_seq)


def _by_hour(scores: pl.DataFrame) -> pl.DataFrame:
    """subject_id, hour, shard, then counts in the order of the state."""
    emotions = [(pl.col("emotion") == name).sum().cast(pl.Int64).alias(name) for name in EMOTIONS]
    sentiment = ((pl.col("sentiment_positive") - pl.col("sentiment_negative")) * _MILLI).round().cast(pl.Int64)
    return (
        scores.with_columns(hour=pl.col("created_at").dt.timestamp("us") // _HOUR_US, milli=sentiment)
        .group_by("subject_id", "hour", maintain_order=True)
        .agg(
            pl.col("shard").first(),
            pl.len().cast(pl.Int64).alias("posts"),
            pl.col("sentiment").count().cast(pl.Int64).alias("scored"),
            pl.col("milli").sum(),
            *emotions,
        )
    )


def _by_name(scores: pl.DataFrame, name: str) -> Iterator[tuple[str, dict[str, int]]]:
    counted = scores.drop_nulls(name).group_by("subject_id", name, maintain_order=True).len()
    for subject, value, count in counted.iter_rows():
        yield subject, {value: count}


def _add_hour(folded: Mapping[str, ProfileState], row: tuple[Any, ...]) -> tuple[Any, ...]:
    subject, hour, _, *counts = row
    after = states.add_hour(folded[subject], hour, counts)
    return subject, hour, after[POSTS], after[SENTIMENT_SUM_MILLI], *after[FIRST_EMOTION:]


def _profile(subject: str, shard: int, batch_seq: int, state: ProfileState) -> tuple[Any, ...]:
    posts = sum(counts[POSTS] for counts in state.hours.values())
    scored = sum(counts[states.SCORED] for counts in state.hours.values())
    milli = sum(counts[SENTIMENT_SUM_MILLI] for counts in state.hours.values())
    first, last = min(state.hours), max(state.hours)
    return (
        shard,
        batch_seq,
        subject,
        posts,
        mood_of(state, last + 1),
        milli / scored / _MILLI if scored else None,
        max(sorted(state.languages), key=state.languages.__getitem__, default=None),
        _hour_at(first),
        _hour_at(last),
        states.encode(state),
    )


def _hour_at(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)


def _frame(table: Any, rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return conform(table, pl.DataFrame(rows, schema=polars_schema(table), orient="row"))


def _journey_frame(rows: list[tuple[Any, ...]], shards: Mapping[str, int], batch_seq: int) -> pl.DataFrame:
    return _frame(
        EMOTIONAL_JOURNEYS,
        [(shards[subject], batch_seq, subject, _hour_at(hour), *counts) for subject, hour, *counts in rows],
    )
