"""Aggregate queries, answered from whole released groups (release.py) alone.

Withheld rows are named without a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import product
from typing import Any

import msgspec
import polars as pl

from alphaads_pipelines.analytics.activity import DIMENSIONS
from alphaads_pipelines.errors import GroupTooSmall, InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS

PERIOD = "period"
GROUPINGS = (*DIMENSIONS, PERIOD)
MOST_GROUPINGS = 2
MOST_VALUES = 50
"""Of one filter."""

_PERIOD_DAYS = ("from_day", "until_day")
_HOURS = tuple(f"hours_{hour}" for hour in range(24))
_WEEKDAYS = tuple(f"weekdays_{day}" for day in range(7))
_FELT = tuple(f"emotions_{name}" for name in EMOTIONS)
_PLACES = 3
_SCHEMA: dict[str, Any] = {
    "release_seq": pl.Int64,
    **dict.fromkeys(_PERIOD_DAYS, pl.Date),
    **dict.fromkeys(DIMENSIONS, pl.String),
    "people": pl.Int64,
    "posts": pl.Int64,
    "sentiment_mean": pl.Float64,
    **dict.fromkeys((*_FELT, *_HOURS, *_WEEKDAYS), pl.Int64),
}


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A query.

    Attributes
    ----------
    platforms, languages, emotions, segments: allowed values; empty: all.
    from_day, until_day: first day, and one past the last (UTC); None: unbounded.
    by: up to two of GROUPINGS; empty: the total alone.
    """

    platforms: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    from_day: date | None = None
    until_day: date | None = None
    by: tuple[str, ...] = ()

    @property
    def filters(self) -> dict[str, tuple[str, ...]]:
        """Dimension -> allowed values, of the filtered ones."""
        given = zip(DIMENSIONS, (self.platforms, self.languages, self.emotions, self.segments), strict=True)
        return {name: tuple(sorted(set(values))) for name, values in given if values}

    def check(self) -> None:
        """Raise InvalidRequest, naming the field, if invalid."""
        if len(self.by) > MOST_GROUPINGS or len(set(self.by)) < len(self.by) or not set(self.by) <= set(GROUPINGS):
            raise InvalidRequest(f"by: at most {MOST_GROUPINGS} different ones of {', '.join(GROUPINGS)}")
        if any(len(values) > MOST_VALUES for values in self.filters.values()):
            raise InvalidRequest(f"a filter has at most {MOST_VALUES} values")
        if self.from_day is not None and self.until_day is not None and self.from_day >= self.until_day:
            raise InvalidRequest("until_day: must be later than from_day")


class Row(msgspec.Struct, frozen=True):
    """Figures of one grouping key.

    Attributes
    ----------
    key: grouping -> value; None: unknown or none. A period is `FROM/UNTIL`.
    people_at_least: the largest number in any one period, as a multiple of the minimum group size.
    sentiment_mean: -1 to 1, over groups weighted by posts; None if withheld.
    emotion_shares: of all posts; no or a withheld emotion completes them to 1.
    hours, weekdays: posts by hour of the day (UTC) and day of the week (from Monday); hours_untold, weekdays_untold:
    posts whose hour or weekday is withheld.
    """

    key: dict[str, str | None]
    people_at_least: int
    posts: int
    sentiment_mean: float | None
    emotion_shares: dict[str, float]
    hours: list[int]
    hours_untold: int
    weekdays: list[int]
    weekdays_untold: int


class Answer(msgspec.Struct, frozen=True):
    """An answer.

    Attributes
    ----------
    total: over all groups in the query. rows: in query order.
    withheld: requested keys with too few people, or none.
    from_day, until_day: days covered; periods partly outside the query are left out.
    version: number of releases; a query has one answer per version.
    """

    total: Row
    rows: list[Row]
    withheld: list[dict[str, str]]
    from_day: date
    until_day: date
    version: int


def groups_frame(groups: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of `released_groups` as columns; withheld values count as 0 here and as untold in answers."""
    rows = [
        {
            **{name: group[name] for name in _SCHEMA if name in group},
            **{f"{part}_{bin_}": n for part in ("emotions", "hours", "weekdays") for bin_, n in group[part].items()},
        }
        for group in groups
    ]
    binned = pl.col(*_FELT, *_HOURS, *_WEEKDAYS).fill_null(0)
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row").with_columns(binned)


def matching(groups: pl.DataFrame, question: Question, least: int) -> pl.DataFrame:
    """Groups wholly within the query and of at least `least` people."""
    wanted = pl.col("people") >= least
    for name, values in question.filters.items():
        wanted &= pl.col(name).is_in(values).fill_null(value=False)
    if question.from_day is not None:
        wanted &= pl.col("from_day") >= question.from_day
    if question.until_day is not None:
        wanted &= pl.col("until_day") <= question.until_day
    return groups.filter(wanted)


def answer(groups: pl.DataFrame, question: Question, *, least: int, version: int) -> Answer:
    """Answer from released groups.

    Parameters
    ----------
    groups: as returned by `groups_frame`. least: minimum people per group.

    Raises
    ------
    InvalidRequest: unknown grouping, too many values, days out of order.
    GroupTooSmall: no group lies within the query; the number of people is not disclosed either.
    """
    question.check()
    found = matching(groups, question, least)
    if found.is_empty():
        raise GroupTooSmall(
            f"nothing may be said about this: it holds no whole group of {least} people or more, or nobody at all"
        )
    named = found.with_columns(pl.concat_str(_PERIOD_DAYS, separator="/").alias(PERIOD))
    rows = _rows(named, question.by, least)
    [total] = _rows(named, (), least)
    return Answer(
        total=total,
        rows=rows if question.by else [],
        withheld=_withheld(question, found, rows),
        from_day=_day(found["from_day"].min()),
        until_day=_day(found["until_day"].max()),
        version=version,
    )


def _day(value: Any) -> date:
    assert isinstance(value, date)
    return value


def _rows(groups: pl.DataFrame, by: Sequence[str], least: int) -> list[Row]:
    key = [pl.lit(0).alias("all"), *by]
    told = pl.col("sentiment_mean").is_not_null()
    sums = groups.group_by(key).agg(
        pl.col("posts", *_FELT, *_HOURS, *_WEEKDAYS).sum(),
        (pl.col("sentiment_mean") * pl.col("posts")).sum().alias("sentiment"),
        pl.col("posts").filter(told).sum().alias("sentiment_posts"),
    )
    # Groups are disjoint in people only within one release's period.
    people = groups.group_by([*key, "release_seq", *_PERIOD_DAYS]).agg(pl.col("people").sum())
    most = people.group_by("all", *by).agg(pl.col("people").max())
    joined = sums.join(most, on=["all", *by], nulls_equal=True).sort(*by, "all", nulls_last=True)
    return [_row(each, by, least) for each in joined.iter_rows(named=True)]


def _row(each: Mapping[str, Any], by: Sequence[str], least: int) -> Row:
    posts, told = each["posts"], each["sentiment_posts"]
    hours, weekdays = [each[name] for name in _HOURS], [each[name] for name in _WEEKDAYS]
    felt = {name: each[column] for name, column in zip(EMOTIONS, _FELT, strict=True)}
    return Row(
        key={name: each[name] for name in by},
        people_at_least=each["people"] // least * least,
        posts=posts,
        sentiment_mean=round(each["sentiment"] / told, _PLACES) if told else None,
        emotion_shares={name: round(count / posts, _PLACES) for name, count in felt.items() if count},
        hours=hours,
        hours_untold=posts - sum(hours),
        weekdays=weekdays,
        weekdays_untold=posts - sum(weekdays),
    )


def keys_of(by: Sequence[str], named: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Every combination of the named values if each of `by` has some, else none."""
    if not by or not all(name in named for name in by):
        return []
    return [dict(zip(by, values, strict=True)) for values in product(*(named[name] for name in by))]


def _withheld(question: Question, found: pl.DataFrame, rows: Sequence[Row]) -> list[dict[str, str]]:
    asked = keys_of(question.by, {"emotion": EMOTIONS, **question.filters})
    absent = [
        {name: value}
        for name, values in question.filters.items()
        for value in sorted(set(values) - set(found[name].to_list()))
    ]
    return absent + [key for key in asked if all(key != row.key for row in rows) and key not in absent]
