"""Pulls and rewards by arm."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Self

import numpy as np

from alphaads_pipelines.bandits.base import FADED, Outcomes, Policy
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.errors import InvalidRequest

FLAT = (1.0, 1.0)
"""Alpha and beta of the uniform prior."""

Counts = Mapping[str, tuple[float, float]]
"""Arm -> (pulls, rewards)."""


class CountingPolicy(Policy):
    """Counts with a Beta prior, kept until faded.

    The prior is FLAT; `inform` keeps its weight and sets its mean to the pooled rate (rewards + 1) / (pulls + 2). After
    a discount a late reward may outweigh its pull, so rewards are capped at pulls.
    """

    def __init__(self) -> None:
        self._counts: dict[str, list[float]] = {}
        self._prior = FLAT
        self._is_discounted = False

    def posterior(self, arm: str) -> tuple[float, float]:
        """Alpha and beta of an arm's posterior."""
        pulls, rewards = self._counts.get(arm, (0, 0))
        return self._prior[0] + rewards, self._prior[1] + pulls - rewards

    def posteriors(self, arms: Sequence[str]) -> Floats:
        """Alpha and beta by arm, shape (len(arms), 2)."""
        return np.array([self.posterior(arm) for arm in arms])

    def update(self, rewards: Counts) -> None:
        """Add {arm: (pulls, rewards)}. Raises InvalidRequest for more rewards than pulls."""
        self._add_counts(rewards)

    def learn(self, outcomes: Outcomes) -> None:
        """Add pulls and rewards, ignoring contexts."""
        self._add_counts(count_by_arm(outcomes))

    @property
    def known_arms(self) -> Collection[str]:
        """The counted arms."""
        return self._counts.keys()

    def discount(self, factor: float) -> None:
        """Multiply every count. Raises InvalidRequest unless 0 < factor <= 1."""
        if not 0 < factor <= 1:
            raise InvalidRequest("a discount lies above 0 and is at most 1")
        counts = {arm: [pulls * factor, rewards * factor] for arm, (pulls, rewards) in self._counts.items()}
        self._counts = {arm: each for arm, each in counts.items() if each[0] >= FADED}
        self._is_discounted = True

    def retire(self, arms: Collection[str]) -> None:
        """Forget these arms."""
        self._counts = {arm: each for arm, each in self._counts.items() if arm not in arms}

    def inform(self) -> None:
        """Set the prior's mean to the pooled rate."""
        pulls, rewards = (sum(each[place] for each in self._counts.values()) for place in (0, 1))
        weight = sum(FLAT)
        mean = (FLAT[0] + rewards) / (weight + pulls)
        self._prior = (weight * mean, weight * (1 - mean))

    def state(self) -> dict[str, Any]:
        """{"arms": {arm: [pulls, rewards]}}, "prior": [alpha, beta] unless FLAT, "is_discounted"."""
        state: dict[str, Any] = {"arms": {arm: list(counts) for arm, counts in sorted(self._counts.items())}}
        if self._prior != FLAT:
            state["prior"] = list(self._prior)
        if self._is_discounted:
            state["is_discounted"] = True
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore a policy."""
        policy = cls()
        policy._restore(state)
        return policy

    def _restore(self, state: Mapping[str, Any]) -> None:
        self._counts = {str(arm): [pulls, rewards] for arm, (pulls, rewards) in state.get("arms", {}).items()}
        alpha, beta = state.get("prior", FLAT)
        self._prior = (float(alpha), float(beta))
        self._is_discounted = bool(state.get("is_discounted", False))

    def _add_counts(self, added: Counts) -> None:
        summed = {}
        for arm, new in added.items():
            current = self._counts.get(arm, [0, 0])
            pulls, rewards = current[0] + new[0], current[1] + new[1]
            summed[arm] = [pulls, min(pulls, rewards) if self._is_discounted else rewards]
            if not 0 <= summed[arm][1] <= pulls:
                raise InvalidRequest("an arm cannot have more rewards than pulls")
        self._counts |= summed


def count_by_arm(outcomes: Outcomes) -> dict[str, tuple[float, float]]:
    """Pulls and rewards by arm, integral where possible. Raises InvalidRequest."""
    names = dict.fromkeys(outcomes.arms)
    place = {arm: at for at, arm in enumerate(names)}
    places = np.array([place[arm] for arm in outcomes.arms], dtype=np.intp)
    sums = [np.bincount(places, each, len(names)).tolist() for each in (outcomes.weights(), outcomes.rewards)]
    return {arm: (_integral(pulls), _integral(rewards)) for arm, pulls, rewards in zip(names, *sums, strict=True)}


def _integral(number: float) -> float:
    return int(number) if number.is_integer() else number
