"""Hours and days since the epoch, UTC."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from alphaads_pipelines.profiles.count_fields import FIRST_EMOTION, POSTS, SCORED, SENTIMENT_SUM_MILLI
from alphaads_pipelines.schema.tables import EMOTIONS

EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday, Monday being 0: a day's weekday is (day + EPOCH_WEEKDAY) % 7."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_MILLI = 1000


class Hour(msgspec.Struct, frozen=True):
    """An hour's start, posts, mean sentiment (-1 to 1), and posts by emotion."""

    hour_at: datetime
    posts: int
    sentiment_mean: float | None
    emotions: dict[str, int]


def hour_of(at: datetime) -> int:
    """Hour since the epoch of an aware time."""
    return (at - _EPOCH) // _HOUR


def hour_at(hour: int) -> datetime:
    """Start of an hour since the epoch."""
    return _EPOCH + hour * _HOUR


def day_of(day: date) -> int:
    """Number of a day since the epoch."""
    return (day - _EPOCH.date()).days


def day_at(number: int) -> date:
    """Day by its number since the epoch."""
    return _EPOCH.date() + timedelta(days=number)


def mean_sentiment(counts: Sequence[int]) -> float | None:
    """-1 to 1, over the scored posts of counts; None without any."""
    return counts[SENTIMENT_SUM_MILLI] / counts[SCORED] / _MILLI if counts[SCORED] else None


def hour_view(hour: int, counts: Sequence[int]) -> Hour:
    """The counts of an hour by name."""
    emotions = {name: count for name, count in zip(EMOTIONS, counts[FIRST_EMOTION:], strict=True) if count}
    return Hour(hour_at(hour), counts[POSTS], mean_sentiment(counts), emotions)
