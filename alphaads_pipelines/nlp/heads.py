"""Tasks and labels of the shared encoder's heads, in the order of the model's outputs."""

from __future__ import annotations

from alphaads_pipelines.schema.tables import EMOTIONS, ENTITY_TYPES, INTENTS, OFFENSIVE, SENTIMENTS, TWEET_EMOTIONS

IRONY = ("not_ironic", "ironic")

HEADS: dict[str, tuple[str, ...]] = {
    "sentiment": tuple(SENTIMENTS),
    "emotion": tuple(EMOTIONS),
    "tweet_emotion": TWEET_EMOTIONS,
    "offensive": OFFENSIVE,
    "irony": IRONY,
    "intent": INTENTS,
}
"""Task -> labels of the heads that classify a whole post."""

TAGS: tuple[str, ...] = ("O", *(f"{mark}-{kind}" for kind in ENTITY_TYPES for mark in "BI"))
"""Labels of the head that tags each piece (BIO)."""
