"""Summarise a profile for decisions.

The trend compares the mean sentiment of the last day and the time before, which has a half-life of a week; both must
weigh at least mood.FADED posts.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from alphaads_pipelines.profiles.mood import FADED, leading_emotion
from alphaads_pipelines.profiles.state import FIRST_EMOTION, POSTS, SCORED, SENTIMENT_SUM_MILLI, ProfileState
from alphaads_pipelines.profiles.time_buckets import hour_of, mean_sentiment
from alphaads_pipelines.schema.tables import EMOTIONS

_MILLI = 1000
_SMALLEST_TREND = 0.05
_LATELY_HOURS = 24
_BASELINE_HALF_LIFE_HOURS = 7 * 24.0


class ProfileSummary(msgspec.Struct, frozen=True):
    """A profile as decisions use it, from one pass over the hours, without topics.

    Attributes
    ----------
    posts: folded so far.
    mood: leading emotion (half-life 24 h); None without any, or if faded.
    mood_trend: rising, falling or steady; None without both periods.
    sentiment_mean: -1 to 1 over scored posts, or None.
    emotions: shares among posts with an emotion.
    platforms: posts by network.
    """

    posts: int
    mood: str | None
    mood_trend: str | None
    sentiment_mean: float | None
    emotions: dict[str, float]
    platforms: dict[str, int]


def summarise(state: ProfileState, now: datetime) -> ProfileSummary:
    """Summarise a state as of `now` (UTC)."""
    now_hour = hour_of(now)
    totals = [sum(column) for column in zip(*state.hours.values(), strict=True)]
    emotional = sum(totals[FIRST_EMOTION:])
    named = zip(EMOTIONS, totals[FIRST_EMOTION:], strict=False)
    return ProfileSummary(
        posts=totals[POSTS] if totals else 0,
        mood=mood_of(state, now_hour),
        mood_trend=_trend(sorted(state.hours.items()), now_hour),
        sentiment_mean=mean_sentiment(totals) if totals else None,
        emotions={name: count / emotional for name, count in named if count},
        platforms=dict(sorted(state.platforms.items())),
    )


def mood_of(state: ProfileState, now_hour: int) -> str | None:
    """The leading emotion as of an hour, or None."""
    return leading_emotion(state.hours, now_hour)


def _trend(hours: list[tuple[int, list[int]]], now_hour: int) -> str | None:
    posts, milli = 0, 0
    posts_before, milli_before = 0.0, 0.0
    for hour, counts in hours:
        age = now_hour - hour
        if age >= _LATELY_HOURS:
            weight = 0.5 ** ((age - _LATELY_HOURS) / _BASELINE_HALF_LIFE_HOURS)
            posts_before += weight * counts[SCORED]
            milli_before += weight * counts[SENTIMENT_SUM_MILLI]
        elif age >= 0:
            posts += counts[SCORED]
            milli += counts[SENTIMENT_SUM_MILLI]
    if posts < FADED or posts_before < FADED:
        return None
    change = (milli / posts - milli_before / posts_before) / _MILLI
    if abs(change) < _SMALLEST_TREND:
        return "steady"
    return "rising" if change > 0 else "falling"
