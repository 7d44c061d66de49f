"""Classifies ad texts with our offensive model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock

from alphaads_pipelines.creatives.moderation import Opinion
from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.nlp.base import Score


class OffensiveClassifier:
    """Refuses offensive texts and sends uncertain or unreadable ones to review.

    Parameters
    ----------
    score: `Scorer.score`.
    refuse_from, doubt_from: probabilities of "offensive"; doubt begins low, as the model was trained on posts.
    """

    def __init__(
        self, score: Callable[[Sequence[str]], list[Score]], *, refuse_from: float = 0.7, doubt_from: float = 0.4
    ) -> None:
        self._score, self._refuse_from, self._doubt_from = score, refuse_from, doubt_from
        self._is_busy = Lock()

    def __call__(self, text: str) -> Opinion:
        """Classify a text. Raises TransientError while a timed-out call runs on: scorers are single-threaded."""
        if not self._is_busy.acquire(blocking=False):
            raise TransientError("the offensive model still works on an earlier text")
        try:
            [score] = self._score([text])
        finally:
            self._is_busy.release()
        return self._opinion(score)

    def _opinion(self, score: Score) -> Opinion:
        if score.offensive is None:
            return Opinion(doubts=("offensive_unknown",))
        probability = score.offensive.probs["offensive"]
        if probability < self._doubt_from:
            return Opinion()
        return Opinion(doubts=("maybe_offensive",)) if probability < self._refuse_from else Opinion(("offensive",))
