"""Weak intent labels from other datasets' labels (docs/models.md): no dataset annotates intent of posts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from alphaads_pipelines.schema.tables import INTENTS

_PRAISE = {"admiration", "gratitude", "love", "approval", "excitement"}
_COMPLAINT = {"annoyance", "disappointment", "disapproval", "anger", "disgust"}
_QUESTION = {"curiosity", "confusion"}
_CLEAR_PRAISE, _CLEAR_COMPLAINT = {"admiration", "gratitude"}, {"annoyance", "disappointment", "disapproval"}

_BUYING_REQUESTS = frozenset(
    """book_flight book_hotel car_rental new_card order order_checks restaurant_reservation uber shopping_list_update
    """.split()
)
_ASKS = re.compile(
    r"^(what|when|where|which|who|whose|why|how|is|are|am|was|were|do|does|did|can|could|should|would|will|has|have)\b",
    re.IGNORECASE,
)


def of_emotions(text: str, emotions: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """Intent by GoEmotions labels and question mark; empty if ambiguous."""
    felt = set(emotions)
    if "?" in text and (felt & _QUESTION or felt == {"neutral"}):
        return _intent("question")
    if felt & _CLEAR_PRAISE and not felt & _COMPLAINT:
        return _intent("praise")
    if felt & _CLEAR_COMPLAINT and not felt & _PRAISE:
        return _intent("complaint")
    if "?" not in text and not felt & (_PRAISE | _COMPLAINT | _QUESTION | {"desire"}):
        return _intent("other")
    return {}


def of_request(text: str, name: str) -> dict[str, tuple[int, ...]]:
    """Intent by CLINC150 class."""
    if name in _BUYING_REQUESTS:
        return _intent("purchase")
    return _intent("question" if _ASKS.match(text) else "other")


def of_purchase_label(text: str, label: str) -> dict[str, tuple[int, ...]]:
    """Intent by purchase annotation; only "yes" determines one."""
    return _intent("purchase") if label == "yes" else {}


def _intent(name: str) -> dict[str, tuple[int, ...]]:
    return {"intent": (INTENTS.index(name),)}
