"""What may be said of a person now, derived from their state: mood and its trend, interests, rhythm, hours.

The trend compares the mean sentiment of the last day with that of the time before, in which a post counts half as much
a week later; where either weighs less than a sixteenth of a post (mood.FADED), there is nothing to compare.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from alphaads_pipelines.profiles.counts import most
from alphaads_pipelines.profiles.hours import EPOCH_WEEKDAY, Hour, hour_at, hour_of, mean_sentiment, shown_hour
from alphaads_pipelines.profiles.interests import Interest, interests_of
from alphaads_pipelines.profiles.mood import FADED, leading_emotion
from alphaads_pipelines.profiles.mood import HALF_LIFE_HOURS as HALF_LIFE_HOURS
from alphaads_pipelines.profiles.state import (
    FIRST_EMOTION,
    POSTS,
    SCORED,
    SENTIMENT_SUM_MILLI,
    ProfileState,
    decode,
)
from alphaads_pipelines.tables import EMOTIONS

_MILLI = 1000
_SMALLEST_TREND = 0.05
_LATELY_HOURS = 24
_BASELINE_HALF_LIFE_HOURS = 7 * 24.0


class ProfileView(msgspec.Struct, frozen=True):
    """A person's profile as of a time, ready to be shown.

    Attributes
    ----------
    posts: posts folded so far.
    mood: the emotion with the greatest time-decayed weight (half-life 24 h); None where none shows or all have faded.
    mood_trend: rising, falling or steady: the last day's mean sentiment against the time before; None without both.
    sentiment_mean: -1 to 1 over all scored posts, or None.
    emotions: share of each emotion among posts that have one.
    language: the most used; languages, platforms: posts by each.
    brands: tracked names that they speak of, and how; interests: other names, by their tokens. The weightiest first.
    active_hours: posts by hour of the day (UTC), 24 numbers. active_weekdays: from Monday on, 7 numbers.
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
    brands: list[Interest]
    interests: list[Interest]
    active_hours: list[int]
    active_weekdays: list[int]
    first_post_at: datetime | None
    last_post_at: datetime | None
    journey: list[Hour]


def mood_of(state: ProfileState, now_hour: int) -> str | None:
    """The leading emotion as of an hour since the epoch; None where none shows or all have faded (mood.py)."""
    return leading_emotion(state.hours, now_hour)


def view(state: bytes, now: datetime, journey_hours: int = 48) -> ProfileView:
    """The profile that `state` holds, as of `now` (UTC). Raises SchemaMismatch."""
    return view_of(decode(state), now, journey_hours)


def view_of(held: ProfileState, now: datetime, journey_hours: int = 48) -> ProfileView:
    """The same of a state that is read already."""
    now_hour = hour_of(now)
    hours = sorted(held.hours.items())
    totals = [sum(column) for column in zip(*held.hours.values(), strict=True)]
    emotional = sum(totals[FIRST_EMOTION:])
    brands, interests = interests_of(held.topics, now_hour)
    return ProfileView(
        posts=totals[POSTS] if totals else 0,
        mood=mood_of(held, now_hour),
        mood_trend=_trend(hours, now_hour),
        sentiment_mean=mean_sentiment(totals) if totals else None,
        emotions={
            name: count / emotional for name, count in zip(EMOTIONS, totals[FIRST_EMOTION:], strict=False) if count
        },
        language=most(held.languages),
        languages=dict(sorted(held.languages.items())),
        platforms=dict(sorted(held.platforms.items())),
        brands=brands,
        interests=interests,
        active_hours=_rhythm(hours, 24, lambda hour: hour),
        active_weekdays=_rhythm(hours, 7, lambda hour: hour // 24 + EPOCH_WEEKDAY),
        first_post_at=hour_at(hours[0][0]) if hours else None,
        last_post_at=hour_at(hours[-1][0]) if hours else None,
        journey=[shown_hour(hour, counts) for hour, counts in hours[-journey_hours:]],
    )


def _rhythm(hours: list[tuple[int, list[int]]], length: int, place: Callable[[int], int]) -> list[int]:
    rhythm = [0] * length
    for hour, counts in hours:
        rhythm[place(hour) % length] += counts[POSTS]
    return rhythm


def _trend(hours: list[tuple[int, list[int]]], now_hour: int) -> str | None:
    lately, before = _Sentiment(), _Sentiment()
    for hour, counts in hours:
        age = now_hour - hour
        if age >= _LATELY_HOURS:
            before.add(counts, 0.5 ** ((age - _LATELY_HOURS) / _BASELINE_HALF_LIFE_HOURS))
        elif age >= 0:
            lately.add(counts, 1.0)
    if lately.posts < FADED or before.posts < FADED:
        return None
    change = (lately.milli / lately.posts - before.milli / before.posts) / _MILLI
    if abs(change) < _SMALLEST_TREND:
        return "steady"
    return "rising" if change > 0 else "falling"


@dataclass(slots=True)
class _Sentiment:
    """Scored posts and their sentiment, weighted."""

    posts: float = 0.0
    milli: float = 0.0

    def add(self, counts: list[int], weight: float) -> None:
        self.posts += weight * counts[SCORED]
        self.milli += weight * counts[SENTIMENT_SUM_MILLI]
