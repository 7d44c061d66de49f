"""Uniformly random arms, a baseline that also makes the first logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from alphaads_pipelines.bandits.arm_counts import CountingPolicy
from alphaads_pipelines.bandits.context import Floats


class RandomPolicy(CountingPolicy):
    """Decides uniformly, but counts, so that other policies can continue from its state."""

    name: ClassVar[str] = "random"

    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """1 / len(arms) everywhere."""
        return np.full((len(contexts), len(arms)), 1.0 / len(arms))
