"""The scorer interface: texts in, one `Score` each out.

Without an answer a scorer returns null with a reason, never an invented neutral.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec

if TYPE_CHECKING:
    from alphaads_pipelines.nlp.reliability import Reliability


class Label(msgspec.Struct, frozen=True, gc=False):
    """The most probable label and the probability of each; they sum to 1."""

    label: str
    probs: dict[str, float]


class Entity(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A named entity; `start` and `end` are character offsets into the text as given."""

    text: str
    type: str
    start: int
    end: int
    confidence: float | None = None


class Model(msgspec.Struct, frozen=True):
    """Which model scored."""

    name: str
    version: str


class Score(msgspec.Struct, frozen=True, gc=False):
    """The score of one text, with the reason for each null field."""

    language: str | None
    language_confidence: float | None
    sentiment: Label | None
    emotion: Label | None
    tweet_emotion: Label | None
    intent: Label | None
    offensive: Label | None
    entities: list[Entity] | None
    null_reasons: dict[str, str]


class Options(msgspec.Struct, frozen=True):
    """Options; each tier reads those it needs.

    Parameters
    ----------
    sentiment_model, emotion_model: Hugging Face names or folders (transformers tier).
    device: auto, cpu, cuda, cuda:1, mps.
    token: Hugging Face access token; never shown.
    entity_model: spaCy pipeline (name or folder) replacing the tier's entities.
    artifact: model folder; None is the shipped one.
    threads: CPU threads; 0 is all.
    """

    sentiment_model: str = "cardiffnlp/twitter-roberta-base-sentiment-latest"
    emotion_model: str = "j-hartmann/emotion-english-distilroberta-base"
    device: str = "auto"
    token: str | None = None
    entity_model: str | None = None
    artifact: Path | None = None
    threads: int = 0

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "token")
        return f"Options({', '.join(shown)})"


class Scorer(ABC):
    """Scores texts. Construction loads the model; `score` is pure but not thread-safe."""

    tier: ClassVar[str]

    @abstractmethod
    def __init__(self, options: Options = Options()) -> None:
        """Load the models.

        Raises
        ------
        ConfigurationError: an unusable option.
        MissingArtifact: a model or package is absent or damaged; the message says how to repair it.
        """

    @property
    @abstractmethod
    def model(self) -> Model:
        """Name and version of the model; scores change only with them."""

    @abstractmethod
    def score(self, texts: Sequence[str]) -> list[Score]:
        """Return one score per text, in order. Accepts any string."""

    def current(self) -> Scorer:
        """The scorer for one batch; overridden if the model can change at run time."""
        return self

    def reliability(self) -> Mapping[str, Reliability]:
        """Task -> calibration on validation data; empty if unknown."""
        return {}
