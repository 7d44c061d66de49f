"""Thompson sampling over Bernoulli rewards with Beta posteriors (Thompson 1933; Chapelle & Li 2011).

The probability that an arm is the best of a draw has no closed form, so it is estimated with seeded draws, an
exploration share is mixed in, and the arm is drawn from that distribution: the logged propensity is the true one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from alphaads_pipelines.bandits.base import EXPLORATION as EXPLORATION
from alphaads_pipelines.bandits.base import mixed
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.counts import CountingPolicy

DRAWS = 1_000


class ThompsonPolicy(CountingPolicy):
    """An arm is as probable as it is to be the best."""

    name: ClassVar[str] = "thompson"

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """Share of `DRAWS` seeded draws in which each arm was the best, exploration mixed in; the same for each row."""
        alpha, beta = self.posteriors(arms).T
        draws = np.random.default_rng((seed, 0)).beta(alpha, beta, size=(DRAWS, len(arms)))
        wins = np.bincount(draws.argmax(axis=1), minlength=len(arms)) / DRAWS
        return np.repeat(mixed(wins[None]), len(contexts), axis=0)
