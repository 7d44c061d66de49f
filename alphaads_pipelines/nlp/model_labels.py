"""Maps third-party classifiers' labels to ours, by name.

Synonyms count (GoEmotions' 28 by the paper's mapping to Ekman); missing labels have probability 0. An unknown label's
probability is redistributed; if it leads, there is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.nlp.base import Label
from alphaads_pipelines.schema.tables import EMOTIONS, SENTIMENTS

TWEET_EMOTIONS = ("anger", "joy", "optimism", "sadness")

_SENTIMENT_NAMES = {
    "negative": "negative neg very_negative 1_star 2_stars",
    "neutral": "neutral neu 3_stars",
    "positive": "positive pos very_positive 4_stars 5_stars",
}
# Demszky et al. 2020 (arXiv:2005.00547), appendix; then synonyms of other models.
_EMOTION_NAMES = {
    "anger": "anger annoyance disapproval angry",
    "disgust": "disgust disgusted",
    "fear": "fear nervousness fearful",
    "joy": "joy amusement approval excitement gratitude love optimism relief pride admiration desire caring happy "
    "happiness",
    "neutral": "neutral no_emotion others",
    "sadness": "sadness disappointment embarrassment grief remorse sad",
    "surprise": "surprise realization confusion curiosity surprised",
}
_CARDIFF_ORDER = {"label_0": "negative", "label_1": "neutral", "label_2": "positive"}
"""Order of Cardiff's older models with unnamed labels."""


class LabelMap(msgspec.Struct, frozen=True):
    """`places` holds our label's index for each of the model's, or None."""

    names: tuple[str, ...]
    places: tuple[int | None, ...]

    @classmethod
    def of(cls, names: Sequence[str], theirs: Sequence[str], meanings: Mapping[str, str]) -> Self:
        """Map `theirs` to `names` through `meanings`."""
        found = (meanings.get(_plain(label)) for label in theirs)
        return cls(tuple(names), tuple(None if name is None else names.index(name) for name in found))

    def label(self, row: Sequence[float]) -> Label | None:
        """Our label for one row of probabilities; None if an unknown label leads."""
        shares, foreign = [0.0] * len(self.names), [0.0]
        for place, probability in zip(self.places, row, strict=True):
            if place is None:
                foreign.append(probability)
            else:
                shares[place] += probability
        if max(foreign) >= max(shares):
            return None
        total = sum(shares)
        probabilities = {name: share / total for name, share in zip(self.names, shares, strict=True)}
        return Label(max(probabilities, key=probabilities.__getitem__), probabilities)

    def means(self, *names: str) -> bool:
        """Whether the model has all of `names`."""
        return {self.names.index(name) for name in names} <= set(self.places)


def sentiment_map(model: str, theirs: Sequence[str]) -> LabelMap:
    """Map a model with two, three or five degrees of sentiment."""
    meanings = _meanings(_SENTIMENT_NAMES)
    if "cardiff" in model.lower() and {_plain(label) for label in theirs} == set(_CARDIFF_ORDER):
        meanings = _CARDIFF_ORDER
    found = LabelMap.of(SENTIMENTS, theirs, meanings)
    if not found.means("negative", "positive"):
        raise _no_use(model, theirs, "SENTIMENT_MODEL", "negative and positive, neutral too if it can")
    return found


def emotion_map(model: str, theirs: Sequence[str]) -> LabelMap:
    """Map a model with at least two of our emotions."""
    found = LabelMap.of(EMOTIONS, theirs, _meanings(_EMOTION_NAMES))
    if len(set(found.places) - {None, EMOTIONS.index("neutral")}) < 2:
        raise _no_use(model, theirs, "EMOTION_MODEL", ", ".join(EMOTIONS))
    return found


def tweet_emotion_map(theirs: Sequence[str]) -> LabelMap | None:
    """Map a model whose labels are exactly TweetEval's four emotions."""
    found = LabelMap.of(TWEET_EMOTIONS, theirs, {name: name for name in TWEET_EMOTIONS})
    return found if sorted(str(place) for place in found.places) == ["0", "1", "2", "3"] else None


def _meanings(names: Mapping[str, str]) -> dict[str, str]:
    return {theirs: ours for ours, words in names.items() for theirs in words.split()}


def _plain(label: str) -> str:
    return re.sub(r"[\s-]+", "_", label.strip().lower())


def _no_use(model: str, theirs: Sequence[str], setting: str, wanted: str) -> ConfigurationError:
    return ConfigurationError(
        f"{setting}: the labels of {model!r} are {', '.join(map(repr, theirs))}; labels like {wanted} are needed. "
        "If they mean that, name them so under `id2label` in a copy of the model's config.json"
    )
