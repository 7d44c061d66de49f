"""LinUCB with disjoint linear models, exact (Li, Chu, Langford & Schapire, WWW 2010, algorithm 1).

The arm with the greatest upper bound theta'x + width sqrt(x' A^-1 x) gets all but the exploration share, a closed form,
so the propensity needs no estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from alphaads_pipelines.bandits.base import greedy
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.linear import LinearPolicy


class LinUCBPolicy(LinearPolicy):
    """The greatest upper confidence bound. WIDTH is the alpha of the paper, for the variance of clicks at a few
    percent."""

    name: ClassVar[str] = "linucb"
    WIDTH: ClassVar[float] = 0.08

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """All but the exploration share for the greatest bound; closed form, the same for each seed."""
        means, deviations = self.scores(arms, contexts)
        deviations *= self.width
        means += deviations
        return greedy(means, self.exploration)
