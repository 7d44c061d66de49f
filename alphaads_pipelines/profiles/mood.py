"""How what somebody showed fades: the one place of half-lives, of what has faded, and of the leading emotion.

An hour's posts count half as much HALF_LIFE_HOURS later. What lies HORIZON_HOURS back counts nothing, and an emotion
that weighs less than FADED posts has faded: one angry post is over after four days, four of them after six.
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
"""Posts; of moods, trends and topics alike."""

DECAYS = tuple(0.5 ** (age / HALF_LIFE_HOURS) for age in range(HORIZON_HOURS))
"""What a post weighs by its age, in whole hours."""


def leading_emotion(hours: Mapping[int, Sequence[int]], now_hour: int) -> str | None:
    """The emotion with the greatest time-decayed weight as of an hour; ties go to the alphabet.

    Parameters
    ----------
    hours: hour since the epoch -> counts as in a ProfileState; hours after `now_hour` do not count.

    Returns
    -------
    None where no post showed an emotion, or every emotion has faded.
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
    """The leading emotions of many people at once, the same as of each alone.

    Parameters
    ----------
    people: how many there are.
    person: whose each hour is, 0 to people - 1. Shape (hours,); each person's hours are in order of time.
    ages: how long ago the hours are, 0 to HORIZON_HOURS - 1. Shape (hours,).
    emotions: posts of each emotion in these hours, in the order of `tables.EMOTIONS`. Shape (hours, emotions).
    """
    decays = np.array(DECAYS)[ages]
    weights = np.column_stack([np.bincount(person, decays * counts, people) for counts in emotions.T])
    leading, has_faded = weights.argmax(axis=1), weights.max(axis=1) < FADED
    return [None if gone else EMOTIONS[place] for place, gone in zip(leading, has_faded, strict=True)]
