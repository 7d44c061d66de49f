"""Policies with a linear reward model per arm (disjoint)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from alphaads_pipelines.bandits.arm_counts import CountingPolicy, Counts, count_by_arm
from alphaads_pipelines.bandits.base import Outcomes
from alphaads_pipelines.bandits.context import FEATURES, VERSION, Floats
from alphaads_pipelines.bandits.ridge import Ridge
from alphaads_pipelines.errors import InvalidRequest, SchemaMismatch

_BYTES = "<f8"
_LARGEST = 1e6


class LinearPolicy(CountingPolicy):
    """Counts, and a ridge regression per arm. Outcomes without a context count as (1, 0, ..., 0).

    Parameters
    ----------
    features: length of a context.
    width: exploration, in standard deviations of the estimate. Rewards lie within 0 to 1.
    exploration: uniform share, low because these policies explore where uncertain anyway.
    """

    uses_context: ClassVar[bool] = True
    WIDTH: ClassVar[float]
    EXPLORATION: ClassVar[float] = 0.02
    INFORMED: ClassVar[float] = 80.0
    """Weight of an informed prior, in squared contexts."""

    def __init__(self, features: int = FEATURES, width: float | None = None, exploration: float | None = None) -> None:
        super().__init__()
        self.features = features
        self.width = self.WIDTH if width is None else width
        self.exploration = self.EXPLORATION if exploration is None else exploration
        self.ridge = Ridge(features)

    def scores(self, arms: Sequence[str], contexts: Floats) -> tuple[Floats, Floats]:
        """Expected rewards, and standard deviations in units of noise, both (n, len(arms))."""
        means, spreads = self.ridge.scores(arms, contexts)
        return means, np.sqrt(np.maximum(spreads, 0.0, out=spreads), out=spreads)

    def update(self, rewards: Counts) -> None:
        """Add {arm: (pulls, rewards)}."""
        self._add_counts(rewards)
        pulls, won = np.array(list(rewards.values()), dtype=np.float64).reshape(-1, 2).T
        unknown = np.eye(1, self.features).repeat(len(rewards), axis=0)
        self.ridge.add(list(rewards), unknown, pulls, won)

    def learn(self, outcomes: Outcomes) -> None:
        """Add outcomes. Raises InvalidRequest, also for contexts out of bounds."""
        contexts = self._checked(outcomes.contexts)
        if len(contexts) and np.abs(contexts).max() > _LARGEST:
            raise InvalidRequest(f"a feature lies within -{_LARGEST:.0f} to {_LARGEST:.0f}")
        self._add_counts(count_by_arm(outcomes))
        self.ridge.add(outcomes.arms, contexts, outcomes.weights(), outcomes.rewards)

    def discount(self, factor: float) -> None:
        """Multiply every sum."""
        super().discount(factor)
        self.ridge.discount(factor)
        self.ridge.keep_only(self._counts)

    def retire(self, arms: Collection[str]) -> None:
        """Forget these arms."""
        super().retire(arms)
        self.ridge.keep_only(self._counts)

    def inform(self) -> None:
        """Make the pooled regression each arm's prior."""
        super().inform()
        self.ridge.inform(self.INFORMED)

    def state(self) -> dict[str, Any]:
        """The counts, and "sums": {arm: base64 of the little-endian float64 of `Ridge.sums`}.

        Recomputes from the sums, like a restored policy, so both decide alike to the last bit.
        """
        self.ridge.mark_stale()
        sums = {arm: _encode(each) for arm, each in self.ridge.sums().items()}
        means = _encode(self.ridge.prior)
        sizes = {"features": self.features, "layout": VERSION, "width": self.width, "exploration": self.exploration}
        return {**super().state(), **sizes, "means": means, "weight": self.ridge.ridge, "sums": sums}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore a policy; another layout gives a new one. Raises SchemaMismatch."""
        if state.get("layout", VERSION) != VERSION:
            return cls()
        policy = cls(int(state.get("features", FEATURES)), state.get("width"), state.get("exploration"))
        policy.ridge.ridge = float(state.get("weight", policy.ridge.ridge))
        policy._restore(state)
        try:
            policy.ridge.restore({arm: _decode(each) for arm, each in state.get("sums", {}).items()})
        except ValueError as error:
            raise SchemaMismatch("the sums of a policy's state cannot be read") from error
        if "means" in state:
            policy.ridge.prior = _decode(state["means"])
        policy.ridge.refresh()
        return policy


def _encode(numbers: Floats) -> str:
    return b64encode(numbers.astype(_BYTES).tobytes()).decode()


def _decode(text: str) -> Floats:
    return np.frombuffer(b64decode(text, validate=True), _BYTES).astype(np.float64)
