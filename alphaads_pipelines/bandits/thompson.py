"""Thompson sampling over Bernoulli rewards with Beta posteriors (Thompson 1933; Chapelle & Li 2011).

The probability that an arm is the best of a draw has no closed form, so it is estimated with seeded draws, an
exploration share is mixed in, and the arm is drawn from that distribution: the logged propensity is the true one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.base import Policy
from alphaads_pipelines.errors import InvalidRequest

DRAWS = 1_000
EXPLORATION = 0.05
"""Share of decisions that any eligible arm gets alike; it also keeps every propensity above 0."""

_PRIOR = (1.0, 1.0)


class ThompsonPolicy(Policy):
    """Beta(1, 1) for arms never seen; arms that are no longer offered keep what was learned."""

    name: ClassVar[str] = "thompson"

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}

    def propensities(self, arms: Sequence[str], context: Mapping[str, Any], seed: int) -> NDArray[np.float64]:
        """Shape (len(arms),): share of `DRAWS` seeded draws in which each arm was the best, exploration mixed in."""
        posteriors = np.array([self.posterior(arm) for arm in arms])
        draws = np.random.default_rng((seed, 0)).beta(posteriors[:, 0], posteriors[:, 1], size=(DRAWS, len(arms)))
        wins = np.bincount(draws.argmax(axis=1), minlength=len(arms)) / DRAWS
        mixed: NDArray[np.float64] = (1.0 - EXPLORATION) * wins + EXPLORATION / len(arms)
        total = float(mixed.sum())
        return np.asarray(mixed / total, dtype=np.float64)

    def posterior(self, arm: str) -> tuple[float, float]:
        """Alpha and beta of an arm's Beta posterior."""
        pulls, rewards = self._counts.get(arm, (0, 0))
        return _PRIOR[0] + rewards, _PRIOR[1] + pulls - rewards

    def update(self, rewards: Mapping[str, tuple[int, int]]) -> None:
        """Add {arm: (pulls, rewards)}. Raises InvalidRequest when an arm has more rewards than pulls."""
        summed = {}
        for arm, (pulls, rewarded) in rewards.items():
            held = self._counts.get(arm, [0, 0])
            summed[arm] = [held[0] + pulls, held[1] + rewarded]
            if not 0 <= summed[arm][1] <= summed[arm][0]:
                raise InvalidRequest("an arm cannot have more rewards than pulls")
        self._counts |= summed

    def state(self) -> dict[str, Any]:
        """{"arms": {arm: [pulls, rewards]}}."""
        return {"arms": {arm: list(counts) for arm, counts in sorted(self._counts.items())}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The policy that `state` describes; an empty state is a new policy."""
        policy = cls()
        policy._counts = {str(arm): [int(pulls), int(won)] for arm, (pulls, won) in state.get("arms", {}).items()}
        return policy
