"""Differentially private answers: sums over people with calibrated noise.

The noise is OpenDP's discrete Laplace (the two-sided geometric mechanism: Ghosh, Roughgarden and Sundararajan, SIAM
Journal on Computing 41(6), 2012; sampled as in Canonne, Kamath and Steinke, NeurIPS 2020). Neighbouring data sets
differ by one person's whole activity, which changes

- people by 1,
- the posts by emotion by MOST_POSTS in total: larger counts are scaled down,
- the sum of people's mean sentiments by 1 (in thousandths: 1,000),

in at most one row, so all rows together cost as much as one (parallel composition: McSherry, SIGMOD 2009). The three
cost epsilon together: a quarter, a half and a quarter. Row keys do not come from the data. A row is released only if a
group below the minimum reaches its noisy number of people once in 1,000,000,000 times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import msgspec
import polars as pl

from alphaads_pipelines.analytics.activity import Activity
from alphaads_pipelines.analytics.aggregates import PERIOD, Question, keys_of
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.profiles.time_buckets import day_of
from alphaads_pipelines.schema.tables import EMOTIONS

MOST_POSTS = 20
"""Largest contribution of one person to a row's posts."""

_NONE = "none"
_FELT = (*EMOTIONS, _NONE)
_MILLI = 1000
_PEOPLE_SHARE, _POSTS_SHARE, _SENTIMENT_SHARE = 0.25, 0.5, 0.25
_ONCE_IN = 1e9


@dataclass(frozen=True, slots=True)
class Sums:
    """True sums of one row, bounded per person; never released.

    Parameters
    ----------
    emotion_posts: posts of each of EMOTIONS, then those without one, at most MOST_POSTS per person.
    sentiment_milli: sum over people of their mean sentiment, -1,000 to 1,000 each.
    """

    key: dict[str, str]
    people: int
    emotion_posts: list[int]
    sentiment_milli: int


class NoisyRow(msgspec.Struct, frozen=True):
    """A released row. sentiment_mean: over people's means; a person without scored posts counts as 0."""

    key: dict[str, str]
    people: int
    posts: int
    emotion_posts: dict[str, int]
    sentiment_mean: float


class NoisyAnswer(msgspec.Struct, frozen=True):
    """A released answer.

    Attributes
    ----------
    withheld: keys whose noisy number of people is too small.
    most_posts: largest contribution of one person to posts.
    accuracy: figure -> largest error in 19 of 20 cases.
    """

    rows: list[NoisyRow]
    withheld: list[dict[str, str]]
    epsilon: float
    most_posts: int
    accuracy: dict[str, float]


def keys_of_rows(question: Question, known: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Row keys, derived without the data.

    Parameters
    ----------
    known: dimension -> all its values, if known beforehand.

    Raises
    ------
    InvalidRequest: a grouping's values are neither known nor named in a filter.
    """
    question.check()
    if not question.by:
        return [{}]
    keys = keys_of(question.by, {"emotion": EMOTIONS, **known, **question.filters})
    if not keys or PERIOD in question.by:
        raise InvalidRequest("by: with noise, name the values in a filter, or group by emotion, platform or segment")
    return keys


def bounded_sums(activity: Activity, question: Question, keys: Sequence[Mapping[str, str]]) -> list[Sums]:
    """Bounded sums of each key over the people in the query."""
    asked = _each_person(activity, question)
    names = list(keys[0])
    sums = pl.col("people", *_FELT, "sentiment_milli").sum()
    rows = asked.drop_nulls(names).group_by(names).agg(sums).rows() if names else asked.select(sums).rows()
    found = {row[: len(names)]: row[len(names) :] for row in rows}
    nobody = (0,) * (len(_FELT) + 2)
    told = [(dict(key), found.get(tuple(key.values()), nobody)) for key in keys]
    return [Sums(key, row[0], list(row[1:-1]), row[-1]) for key, row in told]


def _each_person(activity: Activity, question: Question) -> pl.DataFrame:
    days, people = pl.lit(value=True), pl.lit(value=True)
    if question.from_day is not None:
        days &= pl.col("day") >= day_of(question.from_day)
    if question.until_day is not None:
        days &= pl.col("day") < day_of(question.until_day)
    for name, values in question.filters.items():
        people &= pl.col(name).is_in(values).fill_null(value=False)
    counts = pl.col("posts", "scored", "sentiment_milli", *EMOTIONS)
    wide = activity.hours.filter(days).group_by("person").agg(counts.sum())
    wide = wide.with_columns((pl.col("posts") - pl.sum_horizontal(EMOTIONS)).alias(_NONE))
    most = pl.max_horizontal(pl.col("posts"), pl.lit(MOST_POSTS))
    mean = pl.when(pl.col("scored") > 0).then(pl.col("sentiment_milli") / pl.col("scored")).otherwise(0)
    bounded = wide.with_columns(
        pl.col(*_FELT) * MOST_POSTS // most,
        people=pl.lit(1, pl.Int64),
        sentiment_milli=mean.round().clip(-_MILLI, _MILLI).cast(pl.Int64),
    )
    return bounded.join(activity.people.filter(people), on="person")


def least_noisy_people(epsilon: float, least: int) -> float:
    """Least noisy number of people of a released row."""
    return least + log(_ONCE_IN) / (epsilon * _PEOPLE_SHARE)


def add_noise(sums: Sequence[Sums], epsilon: float, least: int) -> NoisyAnswer:
    """Add noise to the sums, at a total cost of `epsilon`."""
    people = _noisy([each.people for each in sums], 1, epsilon * _PEOPLE_SHARE)
    posts = _noisy([count for each in sums for count in each.emotion_posts], MOST_POSTS, epsilon * _POSTS_SHARE)
    sentiments = _noisy([each.sentiment_milli for each in sums], _MILLI, epsilon * _SENTIMENT_SHARE)
    rows, withheld = [], []
    for place, each in enumerate(sums):
        felt = posts[place * len(_FELT) : (place + 1) * len(_FELT)]
        if people[place] >= least_noisy_people(epsilon, least):
            rows.append(_row(each.key, people[place], felt, sentiments[place]))
        else:
            withheld.append(each.key)
    off = log(20)
    accuracy = {
        "people": round(off / (epsilon * _PEOPLE_SHARE), 1),
        "emotion_posts": round(off * MOST_POSTS / (epsilon * _POSTS_SHARE), 1),
        "sentiment_sum": round(off / (epsilon * _SENTIMENT_SHARE), 1),
    }
    return NoisyAnswer(rows, withheld, epsilon, MOST_POSTS, accuracy)


def _row(key: dict[str, str], people: int, felt: Sequence[int], sentiment_milli: int) -> NoisyRow:
    told = dict(zip(_FELT, (max(0, count) for count in felt), strict=True))
    mean = round(min(1.0, max(-1.0, sentiment_milli / people / _MILLI)), 3)
    return NoisyRow(key, people, sum(told.values()), told, mean)


def _noisy(values: Sequence[int], sensitivity: int, epsilon: float) -> list[int]:
    """Add noise of cost `epsilon`, where one person changes the values by `sensitivity` in total."""
    import opendp.prelude as dp

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    mechanism = dp.m.make_laplace(*space, scale=sensitivity / epsilon)
    noisy: list[int] = mechanism(list(values))
    return noisy
