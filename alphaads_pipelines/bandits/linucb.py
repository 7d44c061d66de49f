"""LinUCB with disjoint linear models, exact (Li, Chu, Langford & Schapire, WWW 2010, algorithm 1).

The greatest upper bound theta'x + width sqrt(x' A^-1 x) gets all but the exploration share, in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from alphaads_pipelines.bandits.base import greedy
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.linear import LinearPolicy


class LinUCBPolicy(LinearPolicy):
    """The greatest upper bound. WIDTH is the paper's alpha, for click noise at a few percent."""

    name: ClassVar[str] = "linucb"
    WIDTH: ClassVar[float] = 0.08

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """All but the exploration share for the greatest bound."""
        means, deviations = self.scores(arms, contexts)
        deviations *= self.width
        means += deviations
        return greedy(means, self.exploration)
