"""Interests: tracked names, and tokens of other names, in a person's posts.

Mentions decay with HALF_LIFE_HOURS and are hidden below mood.FADED. Untracked names are kept only as tokens:
comparable, not readable.
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
"""The format of `Pseudonyms.name`."""
_MILLI = 1000


class Interest(msgspec.Struct, frozen=True):
    """A topic of a person.

    Attributes
    ----------
    topic: id of a tracked name, or a name's token.
    mentions: posts naming it. weight: time-decayed.
    sentiment: their time-decayed mean, -1 to 1; unscored posts count as 0.
    affinity: weight times sentiment.
    """

    topic: str
    mentions: int
    weight: float
    sentiment: float
    affinity: float


def interests_of(
    topics: Mapping[str, Mapping[int, Sequence[int]]], now_hour: int
) -> tuple[list[Interest], list[Interest]]:
    """(tracked names, other names), by descending weight, MOST_SHOWN at most; ignores mentions after `now_hour`."""
    found = [_interest(topic, hours, now_hour) for topic, hours in topics.items()]
    shown = sorted((each for each in found if each.weight >= FADED), key=lambda each: (-each.weight, each.topic))
    tracked = [each for each in shown if not _NAME_TOKEN.fullmatch(each.topic)]
    others = [each for each in shown if _NAME_TOKEN.fullmatch(each.topic)]
    return tracked[:MOST_SHOWN], others[:MOST_SHOWN]


def _interest(topic: str, hours: Mapping[int, Sequence[int]], now_hour: int) -> Interest:
    mentions, weight, affinity = 0, 0.0, 0.0
    for hour, counts in sorted(hours.items()):  # sorted, so that equal states give equal bits
        if hour <= now_hour:
            decay = 0.5 ** ((now_hour - hour) / HALF_LIFE_HOURS)
            mentions += counts[MENTIONS]
            weight += decay * counts[MENTIONS]
            affinity += decay * counts[TOPIC_SENTIMENT_SUM_MILLI] / _MILLI
    return Interest(topic, mentions, weight, affinity / weight if weight else 0.0, affinity)
