"""The policy that is evaluated: how probable each arm would be for it, record by record."""

from __future__ import annotations

from abc import ABC, abstractmethod

from alphaads_pipelines.bandits.ope.logs import Floats, Log


class EvaluationPolicy(ABC):
    """A policy that may be asked about any log with its arms."""

    @abstractmethod
    def probabilities(self, log: Log) -> Floats:
        """Shape (n, k): of each arm in each record; 0 where it was not eligible; each row sums to 1."""
