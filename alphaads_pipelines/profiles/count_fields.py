"""What is counted of a person in an hour, and where each count stands; which of several counts is the greatest."""

from __future__ import annotations

from collections.abc import Mapping

from alphaads_pipelines.schema.tables import EMOTIONS

POSTS, SCORED, SENTIMENT_SUM_MILLI, FIRST_EMOTION = 0, 1, 2, 3
"""Places in an hour's counts; the emotions follow in the order of `tables.EMOTIONS`."""
WIDTH = FIRST_EMOTION + len(EMOTIONS)
MENTIONS, TOPIC_SENTIMENT_SUM_MILLI = 0, 1
"""Places in a topic's counts of an hour."""


def most_common(counts: Mapping[str, int]) -> str | None:
    """The name with the greatest count, of several the first of the alphabet; None without any."""
    return min(counts, key=lambda name: (-counts[name], name), default=None)
