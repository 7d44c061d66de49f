"""Contexts: the facts of a decision, logged as a record and learned from as a vector.

`vector` derives the numbers from `facts_of`. Absent and unknown facts are 0. Layout, version 1:

=============  =======================================================================================
always         1
mood           1 at the leading emotion, in the order of `tables.EMOTIONS`
emotions       share of each emotion, likewise
sentiment      mean sentiment, -1 to 1; whether it is known
mood_trend     rising; falling
hour           of the day (UTC): sine and cosine of once a day, and of twice a day
weekday        Monday is 0: sine and cosine of once a week; whether it is the weekend
platform       1 at the network, in the order of platforms/registry.py (PLATFORMS)
placement      1 at one of 8 places, by hash
segment        1 at one of 8 places, by hash
posts          ln(1 + posts) / 10, at most 1
=============  =======================================================================================

Hashed names may collide: names are free, the length is fixed. Without permission for personal data, decisions/ gives
time and placement only.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from math import cos, isfinite, log1p, pi, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.platforms.registry import CONTEXT_NETWORKS
from alphaads_pipelines.profiles.count_fields import most_common
from alphaads_pipelines.profiles.profile_summary import ProfileSummary
from alphaads_pipelines.schema.tables import EMOTIONS

Floats = NDArray[np.float64]

VERSION = 1
"""Of the layout; what was learned on another one says nothing."""
PLATFORMS = CONTEXT_NETWORKS

_BUCKETS = 8
_TRENDS = ("rising", "falling")
_DIGITS = 3
_GREATEST = 1e18
"""Integers may be too large for a float."""
_WIDTHS = {
    "always": 1,
    "mood": len(EMOTIONS),
    "emotions": len(EMOTIONS),
    "sentiment": 2,
    "mood_trend": len(_TRENDS),
    "hour": 4,
    "weekday": 3,
    "platform": len(PLATFORMS),
    "placement": _BUCKETS,
    "segment": _BUCKETS,
    "posts": 1,
}
FEATURES = sum(_WIDTHS.values())


def facts_of(
    now: datetime,
    placement: str,
    *,
    mood: str | None = None,
    profile: ProfileSummary | None = None,
    segment: str | None = None,
) -> dict[str, Any]:
    """The facts of a decision, JSON-ready; `now` is UTC, `profile` as of then."""
    facts: dict[str, Any] = {"hour": now.hour, "weekday": now.weekday(), "placement": placement}
    if mood is not None:
        facts["mood"] = mood
    if segment is not None:
        facts["segment"] = segment
    if profile is not None:
        facts |= _facts_of_profile(profile)
    return facts


def _facts_of_profile(profile: ProfileSummary) -> dict[str, Any]:
    facts = {
        "emotions": {name: round(share, _DIGITS) for name, share in profile.emotions.items()},
        "sentiment": None if profile.sentiment_mean is None else round(profile.sentiment_mean, _DIGITS),
        "mood_trend": profile.mood_trend,
        "platform": most_common(profile.platforms),
        "posts": profile.posts,
    }
    return {name: value for name, value in facts.items() if value is not None}


def vector(facts: Mapping[str, Any]) -> Floats:
    """Shape (FEATURES,), within -1 to 1; ignores unknown facts."""
    sentiment, posts = _number(facts.get("sentiment"), -1, 1), _number(facts.get("posts"), 0, float("inf"))
    return np.array(
        [
            1.0,
            *_one_of(EMOTIONS, _text(facts.get("mood"))),
            *_shares(facts.get("emotions")),
            *((0.0, 0.0) if sentiment is None else (sentiment, 1.0)),
            *_one_of(_TRENDS, _text(facts.get("mood_trend"))),
            *_of_hour(_number(facts.get("hour"), 0, 24)),
            *_of_weekday(_number(facts.get("weekday"), 0, 7)),
            *_one_of(PLATFORMS, _text(facts.get("platform"))),
            *_hashed(_text(facts.get("placement"))),
            *_hashed(_text(facts.get("segment"))),
            0.0 if posts is None else min(1.0, log1p(posts) / 10),
        ]
    )


def _number(value: object, least: float, most: float) -> float | None:
    """Clip a number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not isfinite(value):
        return None
    return float(min(max(value, least), min(most, _GREATEST)))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _shares(value: object) -> list[float]:
    shares = value if isinstance(value, Mapping) else {}
    return [_number(shares.get(name), 0, 1) or 0.0 for name in EMOTIONS]


@lru_cache
def _one_of(known: tuple[str, ...], value: str) -> tuple[float, ...]:
    return tuple(float(each == value) for each in known)


@lru_cache
def _of_hour(hour: float | None) -> tuple[float, ...]:
    return (0.0,) * 4 if hour is None else (*_turn(hour / 24), *_turn(hour / 12))


@lru_cache
def _of_weekday(weekday: float | None) -> tuple[float, ...]:
    return (0.0,) * 3 if weekday is None else (*_turn(weekday / 7), float(weekday >= 5))


def _turn(share: float) -> tuple[float, float]:
    return sin(2 * pi * share), cos(2 * pi * share)


@lru_cache
def _hashed(value: str) -> tuple[float, ...]:
    place = zlib.crc32(value.encode(errors="replace")) % _BUCKETS if value else -1
    return tuple(float(each == place) for each in range(_BUCKETS))
