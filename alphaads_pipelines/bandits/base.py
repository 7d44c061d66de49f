"""What every policy offers: choose an arm with a true propensity, learn from rewards, serialise its state.

The base owns validation and the draw: a policy says how probable each arm is (`propensities`), the base draws from
exactly that distribution, so the logged propensity is the one that was used and can be computed again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.errors import InvalidRequest


class Choice(msgspec.Struct, frozen=True):
    """A drawn arm, the probability with which it was drawn, and the seed of the draw."""

    arm_id: str
    propensity: float
    seed: int


class Policy(ABC):
    """A bandit policy over arms named by strings."""

    name: ClassVar[str]

    @abstractmethod
    def propensities(self, arms: Sequence[str], context: Mapping[str, Any], seed: int) -> NDArray[np.float64]:
        """Probability of each arm, shape (len(arms),), all > 0, summing to 1; the same seed gives the same."""

    @abstractmethod
    def update(self, rewards: Mapping[str, tuple[int, int]]) -> None:
        """Learn from {arm: (pulls, rewards)}; order and grouping of updates do not matter."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """JSON-ready state; `from_state(state())` decides alike."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Any]) -> Policy:
        """The policy that `state` describes; an empty state is a new policy."""

    def choose(self, arms: Sequence[str], context: Mapping[str, Any], seed: int) -> Choice:
        """Draw an arm from `propensities`.

        Raises
        ------
        InvalidRequest: there is no arm to choose from.
        """
        if not arms:
            raise InvalidRequest("no eligible creative to choose from")
        probabilities = self.propensities(arms, context, seed)
        drawn = int(np.random.default_rng((seed, 1)).choice(len(arms), p=probabilities))
        return Choice(arms[drawn], float(probabilities[drawn]), seed)
