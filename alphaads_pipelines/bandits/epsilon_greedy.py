"""Epsilon-greedy (Sutton & Barto, Reinforcement Learning, 2018, 2.2).

Means are those of the Beta posteriors, so that a new arm starts at the prior's mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from alphaads_pipelines.bandits.arm_counts import CountingPolicy
from alphaads_pipelines.bandits.base import greedy
from alphaads_pipelines.bandits.context import Floats

EPSILON = 0.1


class EpsilonGreedyPolicy(CountingPolicy):
    """The best mean, explored with EPSILON."""

    name: ClassVar[str] = "epsilon_greedy"

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """1 - EPSILON for the best mean, EPSILON spread evenly."""
        posteriors = self.posteriors(arms)
        means = posteriors[:, 0] / posteriors.sum(axis=1)
        return np.repeat(greedy(means[None], EPSILON), len(contexts), axis=0)
