"""What somebody cares about, from what their posts name: brands and the like that are tracked, and other names.

Mentions fade with a half-life of HALF_LIFE_HOURS; what weighs less than a sixteenth of a post has faded (mood.FADED)
and is not shown. Names that nobody tracks are known by their token alone: they can be compared, not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

from alphaads_pipelines.profiles.mood import FADED
from alphaads_pipelines.profiles.state import MENTIONS, TOPIC_SENTIMENT_SUM_MILLI

HALF_LIFE_HOURS = 30 * 24.0
MOST_SHOWN = 10

_NAME_TOKEN = re.compile(r"n_[a-z2-7]{16}")
"""As `Pseudonyms.name` makes them."""
_MILLI = 1000


class Interest(msgspec.Struct, frozen=True):
    """One topic of a person.

    Attributes
    ----------
    topic: id of the tracked name, or the token of another.
    mentions: posts that named it so far.
    weight: the same, time-decayed.
    sentiment: -1 to 1, mean of these posts, time-decayed; a post that no sentiment could be told of counts as 0.
    affinity: weight times sentiment; negative for what they speak ill of.
    """

    topic: str
    mentions: int
    weight: float
    sentiment: float
    affinity: float


def interests_of(
    topics: Mapping[str, Mapping[int, Sequence[int]]], now_hour: int
) -> tuple[list[Interest], list[Interest]]:
    """(tracked names, other names), each with the greatest weight first, MOST_SHOWN at most.

    Parameters
    ----------
    topics: as in a ProfileState. now_hour: since the epoch; what was named later does not count.
    """
    found = [_interest(topic, hours, now_hour) for topic, hours in topics.items()]
    shown = sorted((each for each in found if each.weight >= FADED), key=lambda each: (-each.weight, each.topic))
    tracked = [each for each in shown if not _NAME_TOKEN.fullmatch(each.topic)]
    others = [each for each in shown if _NAME_TOKEN.fullmatch(each.topic)]
    return tracked[:MOST_SHOWN], others[:MOST_SHOWN]


def _interest(topic: str, hours: Mapping[int, Sequence[int]], now_hour: int) -> Interest:
    mentions, weight, affinity = 0, 0.0, 0.0
    for hour, counts in sorted(hours.items()):  # in order, so that equal states weigh equally to the last bit
        if hour <= now_hour:
            decay = 0.5 ** ((now_hour - hour) / HALF_LIFE_HOURS)
            mentions += counts[MENTIONS]
            weight += decay * counts[MENTIONS]
            affinity += decay * counts[TOPIC_SENTIMENT_SUM_MILLI] / _MILLI
    return Interest(topic, mentions, weight, affinity / weight if weight else 0.0, affinity)
