"""Cost and savings of the cascade by the lexicon's confidence threshold."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from alphaads_pipelines.nlp.base import Score, Scorer
from alphaads_pipelines.nlp.heads import HEADS
from alphaads_pipelines.nlp.training.metrics import Ints, macro_recall
from alphaads_pipelines.nlp.training.sources import Example

THRESHOLDS = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 1.01)
"""The last one is unreachable: the second scorer alone."""


class Point(msgspec.Struct, frozen=True):
    """A cascade that accepts the first scorer from `threshold` on, for the `settled` share of posts; values are
    shares of 1."""

    threshold: float
    macro_recall: float
    settled: float


def curve(
    first: Scorer, second: Scorer, examples: Sequence[Example], thresholds: Sequence[float] = THRESHOLDS
) -> list[Point]:
    """Evaluate a cascade on annotated sentiment at each threshold."""
    texts = [each.text for each in examples]
    truth = np.array([each.labels["sentiment"][0] for each in examples])
    sure, early = _said(first.score(texts))
    _, late = _said(second.score(texts))
    points = []
    for threshold in thresholds:
        settled = sure >= threshold
        said = np.where(settled, early, late)
        points.append(Point(threshold, macro_recall(truth, said, len(HEADS["sentiment"])), float(settled.mean())))
    return points


def _said(scores: Sequence[Score]) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], Ints]:
    labels = [score.sentiment for score in scores]
    sure = [0.0 if label is None else label.probs[label.label] for label in labels]
    numbers = [-1 if label is None else HEADS["sentiment"].index(label.label) for label in labels]
    return np.array(sure), np.array(numbers)
