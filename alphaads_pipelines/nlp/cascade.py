"""The cascade tier: the lexicon where it is confident of the sentiment, else the neural tier.

A post settled by the lexicon has no intent, offensiveness or entities (not_in_tier), and an emotion only with a cue
word.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from alphaads_pipelines.nlp.base import Model, Options, Score, Scorer
from alphaads_pipelines.nlp.lexicon import LexiconScorer
from alphaads_pipelines.nlp.neural import NeuralScorer

SURE = 0.75
"""Least confidence at which the lexicon decides: on TweetEval's validation set the lowest, in steps of 0.05, with
macro recall within 0.3 points of the neural tier's (curve: training/thresholds.py)."""


class CascadeScorer(Scorer):
    """The lexicon first, then the neural tier."""

    tier: ClassVar[str] = "cascade"

    def __init__(self, options: Options = Options()) -> None:
        self._cheap, self._neural = LexiconScorer(options), NeuralScorer(options)

    @property
    def model(self) -> Model:
        """Both models' names and versions, with the threshold."""
        cheap, neural = self._cheap.model, self._neural.model
        return Model(f"{cheap.name}+{neural.name}", f"{cheap.version}+{neural.version}@{SURE}")

    def score(self, texts: Sequence[str]) -> list[Score]:
        """Score each text."""
        scores = self._cheap.score(texts)
        left = [number for number, score in enumerate(scores) if not _sure(score)]
        for number, score in zip(left, self._neural.score([texts[each] for each in left]), strict=True):
            scores[number] = score
        return scores


def _sure(score: Score) -> bool:
    said = score.sentiment
    return said is not None and said.probs[said.label] >= SURE
