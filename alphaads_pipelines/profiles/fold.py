"""Fold a batch of scored posts and entities into new versions of profiles and journeys. Pure.

Only first versions of posts are folded: edits would count twice. A topic counts once per post. Polars counts over the
whole batch; then each person's state is opened once, and only the pages touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from alphaads_pipelines.profiles.count_fields import FIRST_EMOTION, POSTS, SCORED, SENTIMENT_SUM_MILLI, WIDTH
from alphaads_pipelines.profiles.mood import HORIZON_HOURS, leading_emotions
from alphaads_pipelines.profiles.state_pages import ROW
from alphaads_pipelines.profiles.state_writer import StateWriter
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, EMOTIONS
from alphaads_pipelines.stores.lake.base import conform, polars_schema

_HOUR_US = 3_600_000_000
_MILLI = 1000
_COUNTS = ("posts", "scored", "milli", *EMOTIONS)
"""In the order of an hour's counts."""


def fold_profiles(
    prior: Mapping[str, bytes], scores: pl.DataFrame, batch_seq: int, entities: pl.DataFrame | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fold scored posts into their authors' states.

    Parameters
    ----------
    prior: subject id -> state; absent for new people.
    scores: rows of `post_scores`, each post once.
    batch_seq: version of the results.
    entities: rows of `post_entities`; those of posts outside `scores` are ignored.

    Returns
    -------
    Rows of `customer_profiles`, one per person; rows of `emotional_journeys`, one per person and touched hour, with
        counts after this batch; both by subject id.
    """
    people, posts = _people_and_posts(scores)
    hours = _by_hour(posts)
    hour_rows, names, topics = _Rows(_hour_rows(hours)), _Rows(_by_name(posts)), _Rows(_by_topic(posts, entities))
    after: list[int] = []
    recent = _Recent()
    profiles: list[_Profile] = []
    for person, subject in enumerate(people["subject_id"].to_list()):
        state = StateWriter.of(prior.get(subject))
        for _, hour, counts in hour_rows.of(person):
            after += state.add_hour(hour, counts)
        for _, is_language, name, count in names.of(person):
            (state.add_language if is_language else state.add_platform)(name, count)
        for _, hour, *named in topics.of(person):
            state.add_topics(hour, list(zip(*named, strict=True)))
        recent.add(state)
        profiles.append(_profile(subject, state))
    return _profile_frame(profiles, recent.moods(), people, batch_seq), _journey_frame(people, hours, after, batch_seq)


class _Rows:
    """Rows sorted and consumed by person."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows, self._next = rows, 0

    def of(self, person: int) -> list[tuple[Any, ...]]:
        """A person's rows, in order of persons."""
        rows, start = self._rows, self._next
        end = start
        while end < len(rows) and rows[end][0] == person:
            end += 1
        self._next = end
        return rows[start:end]


def _people_and_posts(scores: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(subject_id, shard, person), sorted; first versions of posts."""
    sentiment = ((pl.col("sentiment_positive") - pl.col("sentiment_negative")) * _MILLI).round().cast(pl.Int64)
    posts = scores.filter(pl.col("version") == 0).select(
        *("subject_id", "shard", "post_key", "language", "platform", "sentiment", "emotion"),
        hour=pl.col("created_at").dt.timestamp("us") // _HOUR_US,
        milli=sentiment,
    )
    people = posts.group_by("subject_id").agg(pl.col("shard").first()).sort("subject_id").with_row_index("person")
    return people, posts.join(people.select("subject_id", "person"), on="subject_id")


def _by_hour(posts: pl.DataFrame) -> pl.DataFrame:
    """Counts by person and hour, sorted."""
    emotions = [(pl.col("emotion") == name).sum().cast(pl.Int64).alias(name) for name in EMOTIONS]
    scored = pl.col("sentiment").count().cast(pl.Int64).alias("scored")
    return (
        posts.group_by("person", "hour")
        .agg(pl.len().cast(pl.Int64).alias("posts"), scored, pl.col("milli").sum(), *emotions)
        .sort("person", "hour")
    )


def _hour_rows(hours: pl.DataFrame) -> list[tuple[Any, ...]]:
    counts = hours.select(_COUNTS).to_numpy().tolist()
    return list(zip(hours["person"].to_list(), hours["hour"].to_list(), counts, strict=True))


def _by_name(posts: pl.DataFrame) -> list[tuple[Any, ...]]:
    """(person, is language, else platform, name, posts)."""
    counted = [
        posts.group_by("person", pl.lit(column == "language").alias("is_language"), pl.col(column).alias("name")).len()
        for column in ("language", "platform")
    ]
    return pl.concat(counted).drop_nulls("name").sort("person").rows()


def _by_topic(posts: pl.DataFrame, entities: pl.DataFrame | None) -> list[tuple[Any, ...]]:
    """(person, hour, sorted topics, mentions, sentiment in thousandths)."""
    if entities is None:
        return []
    named = entities.select("post_key", topic=pl.coalesce("tracked_id", "name_token")).unique()
    return (
        named.join(posts.select("post_key", "person", "hour", "milli"), on="post_key")
        .group_by("person", "hour", "topic")
        .agg(pl.len().alias("mentions"), pl.col("milli").sum())
        .sort("person", "hour", "topic")
        .group_by("person", "hour", maintain_order=True)
        .agg("topic", "mentions", "milli")
        .rows()
    )


class _Profile(NamedTuple):
    """A row of `customer_profiles` without batch-wide columns."""

    subject_id: str
    posts: int
    sentiment_mean: float | None
    language: str | None
    first_post_at: int
    last_post_at: int
    state: bytes


def _profile(subject: str, state: StateWriter) -> _Profile:
    first, last = state.span
    scored, milli = state.totals[SCORED], state.totals[SENTIMENT_SUM_MILLI]
    return _Profile(
        subject,
        state.totals[POSTS],
        milli / scored / _MILLI if scored else None,
        max(state.languages, key=state.languages.__getitem__, default=None),
        first * _HOUR_US,
        last * _HOUR_US,
        state.seal(),
    )


class _Recent:
    """Recent hours, for moods as of the hour after the last post."""

    def __init__(self) -> None:
        self._people = 0
        self._parts: list[npt.NDArray[np.integer]] = [np.empty(0, np.int32)]
        self._person: list[int] = [0]
        self._age: list[int] = [0]

    def add(self, state: StateWriter) -> None:
        now_hour = state.span[1] + 1
        for first, rows in state.rows_from(now_hour - HORIZON_HOURS + 1):
            self._parts.append(np.frombuffer(rows, rows.typecode))
            self._person.append(self._people)
            self._age.append(now_hour - first)
        self._people += 1

    def moods(self) -> list[str | None]:
        """Moods in the order of addition."""
        rows = np.concatenate(self._parts).reshape(-1, ROW)
        lengths = [len(part) // ROW for part in self._parts]
        ages = np.repeat(self._age, lengths) - rows[:, 0]
        emotions = rows[:, 1 + FIRST_EMOTION : 1 + WIDTH]
        return leading_emotions(self._people, np.repeat(self._person, lengths), ages, emotions)


def _profile_frame(
    profiles: list[_Profile], moods: list[str | None], people: pl.DataFrame, batch_seq: int
) -> pl.DataFrame:
    schema = polars_schema(CUSTOMER_PROFILES)
    columns = zip(*profiles, strict=True) if profiles else [()] * len(_Profile._fields)
    frame = pl.DataFrame(
        [pl.Series(name, values, schema[name]) for name, values in zip(_Profile._fields, columns, strict=True)]
    )
    return conform(
        CUSTOMER_PROFILES,
        frame.with_columns(people["shard"], pl.Series("mood", moods, pl.String), batch_seq=pl.lit(batch_seq, pl.Int64)),
    )


def _journey_frame(people: pl.DataFrame, hours: pl.DataFrame, after: list[int], batch_seq: int) -> pl.DataFrame:
    counts = pl.DataFrame(np.array(after, np.int64).reshape(-1, WIDTH), schema=_COUNTS)
    places = hours.join(people, on="person", maintain_order="left").select(
        "shard",
        "subject_id",
        batch_seq=pl.lit(batch_seq, pl.Int64),
        hour_at=(pl.col("hour") * _HOUR_US).cast(pl.Datetime("us", "UTC")),
    )
    emotions = {f"{name}_posts": name for name in EMOTIONS}
    return conform(EMOTIONAL_JOURNEYS, places.hstack(counts.select("posts", sentiment_sum_milli="milli", **emotions)))
