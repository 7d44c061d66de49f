"""How what somebody showed fades: the one place of half-lives, of what has faded, and of the leading emotion.

An hour's posts count half as much HALF_LIFE_HOURS later. What lies HORIZON_HOURS back counts nothing, and an emotion
that weighs less than FADED posts has faded: one angry post is over after four days, four of them after six.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import mul

from alphaads_pipelines.profiles.state import FIRST_EMOTION
from alphaads_pipelines.tables import EMOTIONS

HALF_LIFE_HOURS = 24.0
HORIZON_HOURS = 7 * 24
FADED = 1 / 16
"""Posts; of moods, trends and topics alike."""

_DECAYS = tuple(0.5 ** (age / HALF_LIFE_HOURS) for age in range(HORIZON_HOURS))


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
    emotions = list(zip(*(hours[hour][FIRST_EMOTION:] for hour in recent), strict=True))
    return strongest_emotion(recent, emotions, now_hour) if recent else None


def strongest_emotion(hours: Sequence[int], emotions: Sequence[Sequence[int]], now_hour: int) -> str | None:
    """The same from columns.

    Parameters
    ----------
    hours: hours since the epoch, in order of time, each less than HORIZON_HOURS before `now_hour`.
    emotions: in the order of `tables.EMOTIONS`, the posts that showed it in each of these hours.
    """
    decays = [_DECAYS[now_hour - hour] for hour in hours]
    weights = [sum(map(mul, decays, counts)) if any(counts) else 0.0 for counts in emotions]
    strongest = max(weights)
    return EMOTIONS[weights.index(strongest)] if strongest >= FADED else None
