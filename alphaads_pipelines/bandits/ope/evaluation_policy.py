"""The evaluated policy's interface."""

from __future__ import annotations

from abc import ABC, abstractmethod

from alphaads_pipelines.bandits.ope.logs import Floats, Log


class EvaluationPolicy(ABC):
    """A policy whose probabilities can be computed for any log with its arms."""

    @abstractmethod
    def probabilities(self, log: Log) -> Floats:
        """Shape (n, k): of each arm in each record; 0 if ineligible; rows sum to 1."""
