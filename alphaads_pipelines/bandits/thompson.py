"""Thompson sampling over Bernoulli rewards with Beta posteriors (Thompson 1933; Chapelle & Li 2011).

The probability of being the best has no closed form and is estimated with seeded draws; the arm is drawn from that
estimate, so the logged propensity is the true one. The seed selects one of STREAMS: decisions between the same arms
share a cached estimate, and errors (standard deviation 0.016 at most) average out over streams.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from alphaads_pipelines.bandits.arm_counts import CountingPolicy
from alphaads_pipelines.bandits.base import EXPLORATION as EXPLORATION
from alphaads_pipelines.bandits.base import mixed
from alphaads_pipelines.bandits.context import Floats

DRAWS = 1_000
STREAMS = 16
_KEPT = 4_096


class ThompsonPolicy(CountingPolicy):
    """Probability matching."""

    name: ClassVar[str] = "thompson"

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """Share of `DRAWS` draws won by each arm, exploration mixed in."""
        row = _distribution(self.posteriors(arms).tobytes(), seed % STREAMS)
        return np.broadcast_to(row, (len(contexts), row.shape[1]))


@lru_cache(_KEPT)
def _distribution(posteriors: bytes, stream: int) -> Floats:
    """Shape (1, arms); `posteriors` are pairs of alpha and beta."""
    alpha, beta = np.frombuffer(posteriors).reshape(-1, 2).T
    draws = np.random.default_rng((stream, 0)).beta(alpha, beta, size=(DRAWS, len(alpha)))
    wins = np.bincount(draws.argmax(axis=1), minlength=len(alpha)) / DRAWS
    probabilities = mixed(wins[None])
    probabilities.flags.writeable = False  # shared by the cache
    return probabilities
