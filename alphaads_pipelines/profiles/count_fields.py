"""Positions in lists of counts."""

from __future__ import annotations

from collections.abc import Mapping

from alphaads_pipelines.schema.tables import EMOTIONS

POSTS, SCORED, SENTIMENT_SUM_MILLI, FIRST_EMOTION = 0, 1, 2, 3
"""In an hour's counts, followed by emotions as in `tables.EMOTIONS`."""
WIDTH = FIRST_EMOTION + len(EMOTIONS)
MENTIONS, TOPIC_SENTIMENT_SUM_MILLI = 0, 1
"""In a topic's counts."""


def most_common(counts: Mapping[str, int]) -> str | None:
    """The most frequent name, ties by name; None without any."""
    return min(counts, key=lambda name: (-counts[name], name), default=None)
