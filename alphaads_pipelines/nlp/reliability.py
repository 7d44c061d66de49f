"""Calibration: of the cases a model gives 80 %, are 80 % right?

A `Reliability` is what a model card says of one task, figured once on validation data; `artifacts/model.json` holds it
in exactly this shape.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

BINS = 15
HIGHEST_ERROR = 0.05
"""Expected calibration error that a shipped model may have."""


class Bin(msgspec.Struct, frozen=True):
    """The cases of one range of confidence: how many, their mean confidence, and the share that was right."""

    count: int
    confidence: float
    accuracy: float


class Reliability(msgspec.Struct, frozen=True):
    """How a model's confidence compares with its accuracy.

    Parameters
    ----------
    reliability: the bins that hold cases, of `BINS` equal ranges of confidence, in order.
    ece: expected calibration error, 0 to 1.
    cases: how many there were.
    """

    reliability: tuple[Bin, ...]
    ece: float
    cases: int

    @property
    def highest_error(self) -> float:
        """Maximum calibration error: of the bin whose confidence and accuracy lie furthest apart."""
        return max((abs(each.confidence - each.accuracy) for each in self.reliability), default=0.0)


def reliability_of(probabilities: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]) -> Reliability:
    """The reliability of predictions (Guo et al. 2017, arXiv:1706.04599).

    Parameters
    ----------
    probabilities: (cases, labels), each row summing to 1. truth: the right label of each case.
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == truth
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    filled = [places == each for each in range(BINS) if np.any(places == each)]
    bins = tuple(Bin(int(each.sum()), float(confidence[each].mean()), float(right[each].mean())) for each in filled)
    error = sum(each.count * abs(each.confidence - each.accuracy) for each in bins) / max(1, len(truth))
    return Reliability(bins, error, len(truth))
