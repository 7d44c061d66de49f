"""What may be said of a person now, derived from their state: mood, its trend, rhythm, journey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

from alphaads_pipelines.profiles.mood import HALF_LIFE_HOURS as HALF_LIFE_HOURS
from alphaads_pipelines.profiles.mood import leading_emotion
from alphaads_pipelines.profiles.state import (
    FIRST_EMOTION,
    POSTS,
    SCORED,
    SENTIMENT_SUM_MILLI,
    ProfileState,
    decode,
)
from alphaads_pipelines.tables import EMOTIONS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLI = 1000
_SMALLEST_TREND = 0.05


class JourneyHour(msgspec.Struct, frozen=True):
    """One hour of an emotional journey."""

    hour_at: datetime
    posts: int
    sentiment_mean: float | None
    emotions: dict[str, int]


class ProfileView(msgspec.Struct, frozen=True):
    """A person's profile as of a time, ready to be shown.

    Attributes
    ----------
    posts: posts folded so far.
    mood: the emotion with the greatest time-decayed weight (half-life 24 h), or None where no post gave one.
    mood_trend: rising, falling or steady: the last day's mean sentiment against all before it; None without both.
    sentiment_mean: -1 to 1 over all scored posts, or None.
    emotions: share of each emotion among posts that have one.
    language: the most used; languages, platforms: posts by each.
    active_hours: posts by hour of the day (UTC), 24 numbers.
    first_post_at, last_post_at: start of the hour.
    journey: the latest hours with posts, oldest first.
    """

    posts: int
    mood: str | None
    mood_trend: str | None
    sentiment_mean: float | None
    emotions: dict[str, float]
    language: str | None
    languages: dict[str, int]
    platforms: dict[str, int]
    active_hours: list[int]
    first_post_at: datetime | None
    last_post_at: datetime | None
    journey: list[JourneyHour]


def mood_of(state: ProfileState, now_hour: int) -> str | None:
    """The leading emotion as of an hour since the epoch; None where none shows or all have faded (mood.py)."""
    return leading_emotion(state.hours, now_hour)


def view(state: bytes, now: datetime, journey_hours: int = 48) -> ProfileView:
    """The profile that `state` holds, as of `now` (UTC). Raises SchemaMismatch."""
    held = decode(state)
    now_hour = (now - _EPOCH) // timedelta(hours=1)
    hours = sorted(held.hours.items())
    totals = [sum(column) for column in zip(*held.hours.values(), strict=True)]
    emotional = sum(totals[FIRST_EMOTION:])
    return ProfileView(
        posts=totals[POSTS] if totals else 0,
        mood=mood_of(held, now_hour),
        mood_trend=_trend(hours, now_hour),
        sentiment_mean=_mean(totals) if totals else None,
        emotions={
            name: count / emotional for name, count in zip(EMOTIONS, totals[FIRST_EMOTION:], strict=False) if count
        },
        language=max(sorted(held.languages), key=held.languages.__getitem__, default=None),
        languages=held.languages,
        platforms=held.platforms,
        active_hours=_rhythm(hours),
        first_post_at=_hour_at(hours[0][0]) if hours else None,
        last_post_at=_hour_at(hours[-1][0]) if hours else None,
        journey=[_journey_hour(hour, counts) for hour, counts in hours[-journey_hours:]],
    )


def _mean(counts: list[int]) -> float | None:
    return counts[SENTIMENT_SUM_MILLI] / counts[SCORED] / _MILLI if counts[SCORED] else None


def _hour_at(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)


def _journey_hour(hour: int, counts: list[int]) -> JourneyHour:
    emotions = {name: count for name, count in zip(EMOTIONS, counts[FIRST_EMOTION:], strict=True) if count}
    return JourneyHour(_hour_at(hour), counts[POSTS], _mean(counts), emotions)


def _rhythm(hours: list[tuple[int, list[int]]]) -> list[int]:
    rhythm = [0] * 24
    for hour, counts in hours:
        rhythm[hour % 24] += counts[POSTS]
    return rhythm


def _trend(hours: list[tuple[int, list[int]]], now_hour: int) -> str | None:
    sides = ([0, 0], [0, 0])
    for hour, counts in hours:
        side = sides[hour > now_hour - 24]
        side[0] += counts[SENTIMENT_SUM_MILLI]
        side[1] += counts[SCORED]
    (before, before_n), (lately, lately_n) = sides
    if not before_n or not lately_n:
        return None
    change = (lately / lately_n - before / before_n) / _MILLI
    if abs(change) < _SMALLEST_TREND:
        return "steady"
    return "rising" if change > 0 else "falling"
