"""The evaluated policy's interface."""

from __future__ import annotations

from abc import ABC, abstractmethod

from alphaads_pipelines.bandits.ope.logs import Floats, Log


class EvaluationPolicy(ABC):
    """Gives probabilities for any log with its arms."""

    @abstractmethod
    def probabilities(self, log: Log) -> Floats:
        """Of each arm in each record, shape (n, k); 0 if ineligible; rows sum to 1."""
