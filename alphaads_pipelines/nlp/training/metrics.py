"""Evaluation metrics as the datasets' authors define them; all are shares of 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


def recalls(truth: Ints, said: Ints, labels: int) -> npt.NDArray[np.float64]:
    """Recall of each label; 0 for a label without cases."""
    return np.array([np.mean(said[truth == each] == each) if np.any(truth == each) else 0.0 for each in range(labels)])


def macro_recall(truth: Ints, said: Ints, labels: int) -> float:
    """Mean recall of the labels (SemEval-2017 task 4A's measure of sentiment)."""
    return float(recalls(truth, said, labels).mean())


def f1(truth: Ints, said: Ints, label: int) -> float:
    """F1 of one label; 0 if neither occurring nor predicted."""
    right = int(np.sum((truth == label) & (said == label)))
    all_of_them = int(np.sum(truth == label) + np.sum(said == label))
    return 2 * right / all_of_them if all_of_them else 0.0


def macro_f1(truth: Ints, said: Ints, labels: int) -> float:
    """Mean F1 of the labels."""
    return float(np.mean([f1(truth, said, each) for each in range(labels)]))


Span = tuple[int, int, str]
"""(first, one past the last, type) of an entity."""


def span_f1(truth: Iterable[Sequence[Span]], said: Iterable[Sequence[Span]]) -> float:
    """F1 of entities matching exactly in extent and type (CoNLL's measure), over all sentences."""
    right = expected = found = 0
    for gold, predicted in zip(truth, said, strict=True):
        right += len(set(gold) & set(predicted))
        expected, found = expected + len(gold), found + len(predicted)
    return 2 * right / (expected + found) if expected + found else 0.0
