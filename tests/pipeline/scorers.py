"""Scorers to which something happens, for tests of what runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from alphaads_pipelines.nlp.base import Label, Model, Score, Scorer


class DisturbedScorer(Scorer):
    """The scorer of an installation, with something that happens before it scores."""

    tier = "disturbed"

    def __init__(self, scorer: Scorer, disturb: Callable[[], None]) -> None:
        self._scorer, self._disturb = scorer, disturb

    @property
    def model(self) -> Model:
        return self._scorer.model

    def score(self, texts: Sequence[str]) -> list[Score]:
        self._disturb()
        return self._scorer.score(texts)


class MistakenScorer(DisturbedScorer):
    """Gives a label that the table does not know."""

    def score(self, texts: Sequence[str]) -> list[Score]:
        wrong = Label("melancholy", dict.fromkeys(("negative", "neutral", "positive", "melancholy"), 0.25))
        return [Score("en", 0.9, wrong, None, None, None, None, None, {}) for _ in texts]
