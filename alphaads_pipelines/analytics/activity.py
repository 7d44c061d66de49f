"""Profile states as columns, one row per subject and hour.

Linked subjects count as one person, with the attributes of the subject that posted most.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain

import numpy as np
import polars as pl

from alphaads_pipelines.profiles.count_fields import most_common
from alphaads_pipelines.profiles.segments import Segmentation, segment_of
from alphaads_pipelines.profiles.state import FIRST_EMOTION, POSTS, ProfileState, decode
from alphaads_pipelines.schema.tables import EMOTIONS

DIMENSIONS = ("platform", "language", "emotion", "segment")
"""Grouping attributes: most used network and language, most frequent emotion, behavioural segment."""

_COUNTS = ("posts", "scored", "sentiment_milli", *EMOTIONS)
_DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class Activity:
    """Activity of people.

    Parameters
    ----------
    people: person (int), then DIMENSIONS; null if unknown.
    hours: person, subject (int), day (days since the epoch, UTC), hour (of the day), posts, scored, sentiment_milli
    (sum of positive - negative, in thousandths), then posts of each of EMOTIONS; only hours with posts.
    subjects: subject ids, by their number.
    """

    people: pl.DataFrame
    hours: pl.DataFrame
    subjects: list[str]


def lay_out(
    states: Iterable[tuple[str, bytes]],
    *,
    persons: Mapping[str, str],
    segmentation: Segmentation,
    since_days: Mapping[str, int],
    until_day: int,
) -> Activity:
    """Convert states to columns: a few dozen microseconds per state, about 100 bytes per hour with posts.

    Subjects without posts in their span are dropped.

    Parameters
    ----------
    states: subject id and state, each subject once.
    persons: linked subject id -> person id.
    since_days: subject id -> first day included; absent: all.
    until_day: one past the last day included. Days count from the epoch, UTC.

    Raises
    ------
    SchemaMismatch: a state cannot be read.
    """
    numbers: dict[str, int] = {}
    attributes: dict[int, tuple[int, tuple[str | None, ...]]] = {}
    subjects: list[str] = []
    places, hours, counts = array("q"), array("q"), array("q")
    for subject, raw in states:
        state = decode(raw)
        first = since_days.get(subject)
        span = _span(state, None if first is None else first * _DAY_HOURS, until_day * _DAY_HOURS)
        if not span:
            continue
        person = numbers.setdefault(persons.get(subject, subject), len(numbers))
        posts = sum(each[POSTS] for each in state.hours.values())
        if person not in attributes or posts > attributes[person][0]:
            attributes[person] = posts, _attributes(state, segmentation)
        places.extend(chain.from_iterable((person, len(subjects)) for _ in span))
        hours.extend(span)
        counts.extend(chain.from_iterable(span.values()))
        subjects.append(subject)
    return Activity(_people_frame(attributes), _hours_frame(places, hours, counts), subjects)


def _span(state: ProfileState, first: int | None, end: int) -> dict[int, list[int]]:
    return {
        hour: each
        for hour, each in state.hours.items()
        if hour < end and (first is None or hour >= first) and each[POSTS] > 0
    }


def _attributes(state: ProfileState, segmentation: Segmentation) -> tuple[str | None, ...]:
    """Ties are broken alphabetically."""
    totals = [sum(column) for column in zip(*state.hours.values(), strict=True)]
    emotions = {name: count for name, count in zip(EMOTIONS, totals[FIRST_EMOTION:], strict=True) if count > 0}
    return (
        most_common(state.platforms),
        most_common(state.languages),
        most_common(emotions),
        segment_of(state, segmentation),
    )


def _people_frame(attributes: Mapping[int, tuple[int, tuple[str | None, ...]]]) -> pl.DataFrame:
    rows = [(person, *each) for person, (_, each) in sorted(attributes.items())]
    return pl.DataFrame(rows, schema={"person": pl.Int64, **dict.fromkeys(DIMENSIONS, pl.String)}, orient="row")


def _hours_frame(places: array[int], hours: array[int], counts: array[int]) -> pl.DataFrame:
    who = np.array(places, np.int64).reshape(-1, 2)
    when = np.array(hours, np.int64)
    what = np.array(counts, np.int64).reshape(-1, len(_COUNTS))
    return pl.DataFrame(
        {
            "person": who[:, 0],
            "subject": who[:, 1],
            "day": when // _DAY_HOURS,
            "hour": when % _DAY_HOURS,
            **{name: what[:, place] for place, name in enumerate(_COUNTS)},
        }
    )
