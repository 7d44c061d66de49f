"""What is counted of a person in an hour, and where each count stands."""

from __future__ import annotations

from alphaads_pipelines.tables import EMOTIONS

POSTS, SCORED, SENTIMENT_SUM_MILLI, FIRST_EMOTION = 0, 1, 2, 3
"""Places in an hour's counts; the emotions follow in the order of `tables.EMOTIONS`."""
WIDTH = FIRST_EMOTION + len(EMOTIONS)
MENTIONS, TOPIC_SENTIMENT_SUM_MILLI = 0, 1
"""Places in a topic's counts of an hour."""
