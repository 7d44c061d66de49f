"""Decay of emotions: half-lives, fading, and the leading emotion.

Posts lose half their weight every HALF_LIFE_HOURS, and all after HORIZON_HOURS; an emotion below FADED posts has faded:
one angry post after four days, four after six.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import mul

import numpy as np
import numpy.typing as npt

from alphaads_pipelines.profiles.count_fields import FIRST_EMOTION
from alphaads_pipelines.schema.tables import EMOTIONS

HALF_LIFE_HOURS = 24.0
HORIZON_HOURS = 7 * 24
FADED = 1 / 16
"""In posts; for moods, trends and topics."""

DECAYS = tuple(0.5 ** (age / HALF_LIFE_HOURS) for age in range(HORIZON_HOURS))
"""Weight by age in hours."""


def leading_emotion(hours: Mapping[int, Sequence[int]], now_hour: int) -> str | None:
    """The emotion with the greatest decayed weight, ties by name; None without any, or if all have faded.

    Parameters
    ----------
    hours: hour since the epoch -> counts as in a ProfileState; ignores later hours.
    """
    recent = sorted(hour for hour in hours if now_hour - HORIZON_HOURS < hour <= now_hour)
    decays = [DECAYS[now_hour - hour] for hour in recent]
    emotions = zip(*(hours[hour][FIRST_EMOTION:] for hour in recent), strict=True)
    weights = [sum(map(mul, decays, counts)) for counts in emotions]
    strongest = max(weights, default=0.0)
    return EMOTIONS[weights.index(strongest)] if strongest >= FADED else None


def leading_emotions(
    people: int, person: npt.NDArray[np.integer], ages: npt.NDArray[np.integer], emotions: npt.NDArray[np.integer]
) -> list[str | None]:
    """`leading_emotion` of many people at once.

    Parameters
    ----------
    person: of each hour, 0 to people - 1, shape (hours,); sorted by time within a person.
    ages: 0 to HORIZON_HOURS - 1, shape (hours,).
    emotions: posts as in `tables.EMOTIONS`, shape (hours, emotions).
    """
    decays = np.array(DECAYS)[ages]
    weights = np.column_stack([np.bincount(person, decays * counts, people) for counts in emotions.T])
    leading, has_faded = weights.argmax(axis=1), weights.max(axis=1) < FADED
    return [None if gone else EMOTIONS[place] for place, gone in zip(leading, has_faded, strict=True)]
