"""What every scorer offers: posts' texts in, one `Score` each out.

A scorer says null, with a reason, where it cannot honestly say; it never makes up a neutral.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import msgspec


class Label(msgspec.Struct, frozen=True, gc=False):
    """The most probable label and the probability of each; they sum to 1."""

    label: str
    probs: dict[str, float]


class Entity(msgspec.Struct, frozen=True, gc=False):
    """A named thing in the text; `start` and `end` are character offsets into the text as given."""

    text: str
    type: str
    start: int
    end: int


class Model(msgspec.Struct, frozen=True):
    """Which model scored."""

    name: str
    version: str


class Score(msgspec.Struct, frozen=True, gc=False):
    """What a scorer says of one text. A null field has its reason in `null_reasons` under the field's name."""

    language: str | None
    language_confidence: float | None
    sentiment: Label | None
    emotion: Label | None
    tweet_emotion: Label | None
    intent: Label | None
    offensive: Label | None
    entities: list[Entity] | None
    null_reasons: dict[str, str]


class Scorer(ABC):
    """Scores texts. Building one loads its model; `score` is pure and may be called from one thread at a time."""

    tier: ClassVar[str]

    @property
    @abstractmethod
    def model(self) -> Model:
        """Name and version of the model; a change of either is a change of answers."""

    @abstractmethod
    def score(self, texts: Sequence[str]) -> list[Score]:
        """One score per text, in order. Any string is accepted: empty, huge, emoji, control characters."""
