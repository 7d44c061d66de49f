"""The fold: a batch's scored posts and what they name, and the states before them -> versions of profiles and journeys.

Pure. Only first versions of posts are folded: an edit says again what was counted already. A topic counts once in a
post, however often the post names it. What is counted is counted by polars over the whole batch; then each person's
state is opened once, and only where the batch touches it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from alphaads_pipelines.profiles.mood import HORIZON_HOURS, strongest_emotion
from alphaads_pipelines.profiles.pages import OpenState
from alphaads_pipelines.profiles.state import POSTS, SCORED, SENTIMENT_SUM_MILLI, WIDTH
from alphaads_pipelines.stores.base import conform, polars_schema
from alphaads_pipelines.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, EMOTIONS

_HOUR_US = 3_600_000_000
_MILLI = 1000
_COUNTS = ("posts", "scored", "milli", *EMOTIONS)
"""In the order of an hour's counts."""


def fold_profiles(
    prior: Mapping[str, bytes], scores: pl.DataFrame, batch_seq: int, entities: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold scored posts into the states of the people who wrote them.

    Parameters
    ----------
    prior: subject id -> state before this batch; absent for somebody new. Empty to fold from nothing.
    scores: rows of `post_scores`, each post once.
    batch_seq: the version that the results carry.
    entities: rows of `post_entities`; those of posts that are not in `scores` do not count. None for none.

    Returns
    -------
    Rows of `customer_profiles`, one per person in `scores`; rows of `emotional_journeys`, one per person and touched
    hour, with the counts as they are after this batch; both in order of subject id.
    """
    posts = _first_versions(scores)
    hours = _by_hour(posts)
    names, topics = _named(posts), _topics(posts, entities)
    after: list[int] = []
    profiles: list[_Profile] = []
    for subject, rows in groupby(_hour_rows(hours), key=itemgetter(0)):
        state = OpenState.of(prior.get(subject))
        for _, hour, counts in rows:
            after.extend(state.add_hour(hour, counts))
        for held, name, count in names.get(subject, ()):
            counted = getattr(state, held)
            counted[name] = counted.get(name, 0) + count
        for topic, hour, *counts in topics.get(subject, ()):
            state.add_topic(topic, hour, counts)
        profiles.append(_profile(subject, state))
    return _profile_frame(profiles, hours, batch_seq), _journey_frame(hours, after, batch_seq)


def _first_versions(scores: pl.DataFrame) -> pl.DataFrame:
    sentiment = ((pl.col("sentiment_positive") - pl.col("sentiment_negative")) * _MILLI).round().cast(pl.Int64)
    return scores.filter(pl.col("version") == 0).with_columns(
        hour=pl.col("created_at").dt.timestamp("us") // _HOUR_US, milli=sentiment
    )


def _by_hour(posts: pl.DataFrame) -> pl.DataFrame:
    """subject_id, hour, shard, then counts in the order of the state; in order of subject and hour."""
    emotions = [(pl.col("emotion") == name).sum().cast(pl.Int64).alias(name) for name in EMOTIONS]
    return (
        posts.group_by("subject_id", "hour")
        .agg(
            pl.col("shard").first(),
            pl.len().cast(pl.Int64).alias("posts"),
            pl.col("sentiment").count().cast(pl.Int64).alias("scored"),
            pl.col("milli").sum(),
            *emotions,
        )
        .sort("subject_id", "hour")
    )


def _hour_rows(hours: pl.DataFrame) -> Iterator[tuple[str, int, list[int]]]:
    counts = hours.select(_COUNTS).to_numpy().tolist()
    return zip(hours["subject_id"].to_list(), hours["hour"].to_list(), counts, strict=True)


def _named(posts: pl.DataFrame) -> dict[str, list[tuple[Any, ...]]]:
    """Subject -> (attribute of the state, name, posts)."""
    counted = [
        posts.drop_nulls(column).group_by("subject_id", pl.lit(held).alias("held"), pl.col(column).alias("name")).len()
        for column, held in (("language", "languages"), ("platform", "platforms"))
    ]
    return _of_subjects(pl.concat(counted))


def _topics(posts: pl.DataFrame, entities: pl.DataFrame | None) -> dict[str, list[tuple[Any, ...]]]:
    """Subject -> (topic, hour, posts that name it, their sentiment in thousandths)."""
    if entities is None:
        return {}
    named = entities.select("post_key", topic=pl.coalesce("tracked_id", "name_token")).unique()
    return _of_subjects(
        named.join(posts.select("post_key", "subject_id", "hour", "milli"), on="post_key")
        .group_by("subject_id", "topic", "hour")
        .agg(pl.len().alias("mentions"), pl.col("milli").sum())
    )


def _of_subjects(rows: pl.DataFrame) -> dict[str, list[tuple[Any, ...]]]:
    found: dict[str, list[tuple[Any, ...]]] = {}
    for subject, *row in rows.iter_rows():
        found.setdefault(subject, []).append(tuple(row))
    return found


class _Profile(NamedTuple):
    """A row of `customer_profiles` without what the whole batch has in common."""

    subject_id: str
    posts: int
    mood: str | None
    sentiment_mean: float | None
    language: str | None
    first_post_at: int
    last_post_at: int
    state: bytes


def _profile(subject: str, state: OpenState) -> _Profile:
    first, last = state.span
    scored, milli = state.totals[SCORED], state.totals[SENTIMENT_SUM_MILLI]
    now_hour = last + 1
    return _Profile(
        subject,
        state.totals[POSTS],
        strongest_emotion(*state.emotions(now_hour - HORIZON_HOURS + 1, last), now_hour),
        milli / scored / _MILLI if scored else None,
        _most_used(state.languages),
        first * _HOUR_US,
        last * _HOUR_US,
        state.seal(),
    )


def _most_used(counts: Mapping[str, int]) -> str | None:
    """Ties go to the alphabet."""
    return min(counts, key=lambda name: (-counts[name], name), default=None)


def _profile_frame(profiles: list[_Profile], hours: pl.DataFrame, batch_seq: int) -> pl.DataFrame:
    schema = polars_schema(CUSTOMER_PROFILES)
    columns = zip(*profiles, strict=True) if profiles else [()] * len(_Profile._fields)
    frame = pl.DataFrame(
        [pl.Series(name, values, schema[name]) for name, values in zip(_Profile._fields, columns, strict=True)]
    )
    shards = hours.unique("subject_id", maintain_order=True)["shard"]
    return conform(CUSTOMER_PROFILES, frame.with_columns(shards, batch_seq=pl.lit(batch_seq, pl.Int64)))


def _journey_frame(hours: pl.DataFrame, after: list[int], batch_seq: int) -> pl.DataFrame:
    counts = pl.DataFrame(np.array(after, np.int64).reshape(-1, WIDTH), schema=_COUNTS)
    places = hours.select(
        "shard",
        "subject_id",
        batch_seq=pl.lit(batch_seq, pl.Int64),
        hour_at=(pl.col("hour") * _HOUR_US).cast(pl.Datetime("us", "UTC")),
    )
    emotions = {f"{name}_posts": name for name in EMOTIONS}
    return conform(EMOTIONAL_JOURNEYS, places.hstack(counts.select("posts", sentiment_sum_milli="milli", **emotions)))
