"""Thompson sampling with linear rewards (Agrawal & Goyal, ICML 2013), with disjoint linear models.

An arm's coefficients have the posterior N(theta, width^2 A^-1), so its reward in context x is normal with mean theta'x
and standard deviation width sqrt(x' A^-1 x). The probability of being the greatest is estimated with draws of one of
STREAMS, chosen by the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from alphaads_pipelines.bandits.base import mixed
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.linear import LinearPolicy
from alphaads_pipelines.bandits.thompson import STREAMS

DRAWS = 1_000
_KEPT = 64


class LinearThompsonPolicy(LinearPolicy):
    """Probability matching. WIDTH is the paper's v, of the order of click noise; its proof's v explores far more."""

    name: ClassVar[str] = "linear_thompson"
    WIDTH: ClassVar[float] = 0.05

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """Share of `DRAWS` draws won by each arm, common to all contexts."""
        means, deviations = self.scores(arms, contexts)
        draws = _normals(seed % STREAMS, len(arms), self.width)
        wins = np.empty_like(means)
        for place, (mean, deviation) in enumerate(zip(means, deviations, strict=True)):
            rewards = deviation[:, None] * draws
            rewards += mean[:, None]
            wins[place] = _wins(rewards)
        wins /= DRAWS
        return mixed(wins, self.exploration)


def _wins(rewards: Floats) -> list[int]:
    """Ties go to the first."""
    is_best = rewards == rewards.max(axis=0)  # several times as fast as argmax
    wins = [int(np.count_nonzero(row)) for row in is_best]
    if sum(wins) > rewards.shape[1]:
        wins = np.bincount(rewards.argmax(axis=0), minlength=len(rewards)).tolist()
    return wins


@lru_cache(_KEPT)
def _normals(stream: int, arms: int, width: float) -> Floats:
    """Shape (arms, DRAWS)."""
    drawn = np.random.default_rng((stream, 0)).standard_normal((DRAWS, arms))
    scaled: Floats = np.ascontiguousarray((width * drawn).T)
    scaled.flags.writeable = False  # shared by the cache
    return scaled
