"""Derive a profile's view from a state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec

from alphaads_pipelines.profiles.count_fields import most_common
from alphaads_pipelines.profiles.interests import Interest, interests_of
from alphaads_pipelines.profiles.profile_summary import summarise
from alphaads_pipelines.profiles.state import POSTS, ProfileState, decode
from alphaads_pipelines.profiles.time_buckets import EPOCH_WEEKDAY, Hour, hour_at, hour_of, hour_view


class ProfileView(msgspec.Struct, frozen=True):
    """A person's profile as of a time.

    Attributes
    ----------
    language: the most used; languages: posts by each.
    brands: tracked names; interests: tokens of other names; by descending weight.
    active_hours: posts by hour of the day (UTC). active_weekdays: from Monday.
    first_post_at, last_post_at: start of the hour.
    journey: latest hours with posts, oldest first.
    Others as in ProfileSummary.
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


def view(state: bytes, now: datetime, journey_hours: int = 48) -> ProfileView:
    """The profile of an encoded state as of `now` (UTC). Raises SchemaMismatch."""
    return view_of(decode(state), now, journey_hours)


def view_of(state: ProfileState, now: datetime, journey_hours: int = 48) -> ProfileView:
    """`view` of a decoded state."""
    hours = sorted(state.hours.items())
    summary = summarise(state, now)
    brands, interests = interests_of(state.topics, hour_of(now))
    return ProfileView(
        **msgspec.structs.asdict(summary),
        language=most_common(state.languages),
        languages=dict(sorted(state.languages.items())),
        brands=brands,
        interests=interests,
        active_hours=_rhythm(hours, 24, lambda hour: hour),
        active_weekdays=_rhythm(hours, 7, lambda hour: hour // 24 + EPOCH_WEEKDAY),
        first_post_at=hour_at(hours[0][0]) if hours else None,
        last_post_at=hour_at(hours[-1][0]) if hours else None,
        journey=[hour_view(hour, counts) for hour, counts in hours[-journey_hours:]],
    )


def _rhythm(hours: list[tuple[int, list[int]]], length: int, place: Callable[[int], int]) -> list[int]:
    rhythm = [0] * length
    for hour, counts in hours:
        rhythm[place(hour) % length] += counts[POSTS]
    return rhythm
