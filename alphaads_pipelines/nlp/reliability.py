"""Calibration: are 80 % of the cases given 80 % correct?

Computed once per task on validation data; `artifacts/model.json` stores a `Reliability` as it is.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

BINS = 15
HIGHEST_ERROR = 0.05
"""Largest expected calibration error of a shipped model."""


class Bin(msgspec.Struct, frozen=True):
    """The cases in one range of confidence."""

    count: int
    confidence: float
    accuracy: float


class Reliability(msgspec.Struct, frozen=True):
    """A model's confidence against its accuracy.

    Parameters
    ----------
    reliability: the non-empty ones of `BINS` equal confidence ranges, in order.
    ece: expected calibration error, 0 to 1.
    """

    reliability: tuple[Bin, ...]
    ece: float
    cases: int

    @property
    def highest_error(self) -> float:
        """Maximum calibration error over the bins."""
        return max((abs(each.confidence - each.accuracy) for each in self.reliability), default=0.0)


def reliability_of(probabilities: npt.NDArray[np.float64], truth: npt.NDArray[np.int64]) -> Reliability:
    """Compute reliability (Guo et al. 2017, arXiv:1706.04599).

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
