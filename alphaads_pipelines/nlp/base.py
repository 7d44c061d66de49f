"""What every scorer offers: posts' texts in, one `Score` each out.

A scorer says null, with a reason, where it cannot honestly say; it never makes up a neutral.
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
    """A named thing in the text; `start` and `end` are character offsets into the text as given."""

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


class Options(msgspec.Struct, frozen=True):
    """What a scorer may be told when it is built; a tier reads what concerns it.

    Parameters
    ----------
    sentiment_model, emotion_model: Hugging Face names or local folders, for the transformers tier.
    device: auto, cpu, cuda, cuda:1, mps.
    token: Hugging Face access token; never shown.
    entity_model: name or folder of a spaCy pipeline that finds the entities instead of the tier.
    artifact: folder of the project's own model; None is the shipped one.
    threads: processor threads of a model; 0 is all cores that this process may use.
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
    """Scores texts. Building one loads its model; `score` is pure and may be called from one thread at a time."""

    tier: ClassVar[str]

    @abstractmethod
    def __init__(self, options: Options = Options()) -> None:
        """Load what the tier needs.

        Raises
        ------
        ConfigurationError: an option names something that the tier cannot use.
        MissingArtifact: a model or a package is absent or damaged; the message says what mends it.
        """

    @property
    @abstractmethod
    def model(self) -> Model:
        """Name and version of the model; a change of either is a change of answers."""

    @abstractmethod
    def score(self, texts: Sequence[str]) -> list[Score]:
        """One score per text, in order. Any string is accepted: empty, huge, emoji, control characters."""

    def current(self) -> Scorer:
        """The scorer for one batch, whose model stays the same; a scorer whose model may be replaced overrides it."""
        return self

    def reliability(self) -> Mapping[str, Reliability]:
        """Task -> how well the model's confidence fits its accuracy on validation data; empty where nobody says."""
        return {}
