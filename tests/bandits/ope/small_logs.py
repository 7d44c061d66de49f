"""Logs of a few records, written by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from alphaads_pipelines.bandits.ope.evaluation_policy import EvaluationPolicy
from alphaads_pipelines.bandits.ope.logs import Floats, Log


def small_log(**changed: Any) -> Log:
    """Four records of three arms, two slots, a context of one number; whatever is given takes its column's place."""
    columns: dict[str, Any] = {
        "arms": ("a", "b", "c"),
        "chosen": np.array([0, 1, 2, 0]),
        "propensities": np.array([0.5, 0.25, 0.25, 0.5]),
        "rewards": np.array([1.0, 0.0, 1.0, 0.0]),
        "contexts": np.array([[0.0], [1.0], [2.0], [3.0]], dtype=np.float32),
        "positions": np.array([1, 2, 1, 2]),
    }
    return Log(**{**columns, **changed})


class Fixed(EvaluationPolicy):
    """A policy with the same probabilities in every record."""

    def __init__(self, *chances: float) -> None:
        self._chances = np.array(chances)

    def probabilities(self, log: Log) -> Floats:
        return np.tile(self._chances, (len(log), 1))
