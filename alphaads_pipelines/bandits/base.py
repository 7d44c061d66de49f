"""The base class of policies.

Policies give the probability of each arm (`distributions`); the base draws from exactly that with its own randomness,
so the logged propensity is the one used. State, context, arms in order and seed reproduce both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.context import Floats, vector
from alphaads_pipelines.errors import InvalidRequest

EXPLORATION = 0.05
"""Share spread evenly over the arms, which keeps propensities above 0."""
HALF_LIFE_DAYS = 56.0
"""Of learned weights, for policies that forget."""
FADED = 0.5
"""Arms whose pulls weigh less are forgotten."""

Context = Mapping[str, Any] | Floats
"""Facts as in context.py, or a vector, shape (features,)."""

_TIE = 1e-9
_TOGETHER = 256


class Choice(msgspec.Struct, frozen=True):
    """A drawn arm, its probability and seed."""

    arm_id: str
    propensity: float
    seed: int


@dataclass(frozen=True, slots=True)
class Choices:
    """Many draws.

    Attributes
    ----------
    drawn: index of each arm, shape (n,). propensities: shape (n,). seed: of all draws together.
    """

    drawn: NDArray[np.intp]
    propensities: Floats
    seed: int


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Outcomes of decisions.

    Attributes
    ----------
    arms: n names. contexts: shape (n, features). rewards: 0 or more, shape (n,).
    pulls: shape (n,); None means one each. A reward later than its pull is an entry of its own, with 0 pulls.
    """

    arms: Sequence[str]
    contexts: Floats
    rewards: Floats
    pulls: Floats | None = None

    def weights(self) -> Floats:
        """The pulls. Raises InvalidRequest for differing shapes and negative or non-finite numbers."""
        pulls = np.ones(len(self.arms)) if self.pulls is None else self.pulls
        if not len(self.arms) == len(self.contexts) == len(self.rewards) == len(pulls):
            raise InvalidRequest("outcomes need as many contexts, rewards and pulls as arms")
        for numbers in (pulls, self.rewards):
            if not (np.isfinite(numbers).all() and (numbers >= 0).all()):
                raise InvalidRequest("pulls and rewards are finite and not negative")
        return pulls


class Policy(ABC):
    """A bandit policy over named arms.

    Attributes
    ----------
    name: as in the registry.
    uses_context: whether decisions depend on the context.
    is_sum: order and grouping of outcomes do not matter, and arms can be removed.
    features: length of a context.
    """

    name: ClassVar[str]
    uses_context: ClassVar[bool] = False
    is_sum: ClassVar[bool] = True
    features: int = 0

    @abstractmethod
    def distributions(self, arms: Sequence[str], contexts: Floats, seed: int) -> Floats:
        """Probability of each arm, shape (n, len(arms)), all > 0, rows summing to 1.

        Parameters
        ----------
        contexts: shape (n, features); context-free policies use only n.
        seed: determines the probabilities.
        """

    @abstractmethod
    def learn(self, outcomes: Outcomes) -> None:
        """Learn from outcomes with contexts, or raise InvalidRequest and stay unchanged."""

    @abstractmethod
    def update(self, rewards: Mapping[str, tuple[int, int]]) -> None:
        """Like `learn`, from {arm: (pulls, rewards)} of unknown contexts."""

    @property
    @abstractmethod
    def known_arms(self) -> Collection[str]:
        """The arms with learned data."""

    @abstractmethod
    def discount(self, factor: float) -> None:
        """Multiply learned weights, 0 < factor <= 1; forget arms below FADED."""

    @abstractmethod
    def retire(self, arms: Collection[str]) -> None:
        """Forget these arms; one coming back is new."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """JSON-ready state; `from_state(state())` decides alike."""

    @classmethod
    @abstractmethod
    def from_state(cls, state: Mapping[str, Any]) -> Policy:
        """Restore a policy; an empty state is a new one."""

    def inform(self) -> None:  # noqa: B027 - not abstract: a policy may know nothing of new arms
        """Fit the prior of new arms to known ones, worth a pull or two."""

    def propensities(self, arms: Sequence[str], context: Context, seed: int) -> Floats:
        """`distributions` of one context, shape (len(arms),). Raises InvalidRequest for a wrong length or non-finite
        numbers."""
        probabilities: Floats = self.distributions(arms, self._row(context), seed)[0]
        return probabilities

    def choose(self, arms: Sequence[str], context: Context, seed: int) -> Choice:
        """Draw an arm from `propensities`. Raises InvalidRequest, also without arms."""
        _check_arms(arms)
        probabilities = self.propensities(arms, context, seed)
        cumulated = probabilities.cumsum().tolist()
        drawn = bisect_right(cumulated, _die(seed) * cumulated[-1])
        return Choice(arms[drawn], float(probabilities[drawn]), seed)

    def choose_many(self, arms: Sequence[str], contexts: Floats, seed: int) -> Choices:
        """Draw an arm for each context, shape (n, features). Raises InvalidRequest."""
        _check_arms(arms)
        checked, dice = self._checked(contexts), np.random.default_rng((seed, 1)).random(len(contexts))
        drawn, propensities = np.empty(len(contexts), dtype=np.intp), np.empty(len(contexts))
        for start in range(0, len(contexts), _TOGETHER):
            its = slice(start, start + _TOGETHER)
            probabilities = self.distributions(arms, checked[its], seed)
            cumulated = probabilities.cumsum(axis=1)
            drawn[its] = (cumulated <= dice[its, None] * cumulated[:, -1:]).sum(axis=1)
            propensities[its] = probabilities[np.arange(len(probabilities)), drawn[its]]
        return Choices(drawn, propensities, seed)

    def _row(self, context: Context) -> Floats:
        if not self.uses_context:
            return np.empty((1, 0))
        numbers = context if isinstance(context, np.ndarray) else vector(context)
        return self._checked(numbers).reshape(1, -1)

    def _checked(self, contexts: Floats) -> Floats:
        if self.uses_context and (contexts.shape[-1] != self.features or not np.isfinite(contexts).all()):
            raise InvalidRequest(f"a context of this policy is {self.features} finite numbers")
        return contexts


def mixed(shares: Floats, exploration: float = EXPLORATION) -> Floats:
    """Mix exploration into shares, shape (n, arms); rows sum to 1."""
    probabilities: Floats = (1.0 - exploration) * shares + exploration / shares.shape[1]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities


def greedy(scores: Floats, exploration: float = EXPLORATION) -> Floats:
    """The best arm of each row, shape (n, arms), with exploration mixed in.

    Equally good arms share alike, so rounding decides nothing.
    """
    if len(scores) == 1:
        return _greedy_row(scores[0], exploration)
    best = scores.max(axis=1, keepdims=True)
    is_best = scores >= best - _TIE * (1.0 + np.abs(best))
    each = (1.0 - exploration) / is_best.sum(axis=1, keepdims=True)
    probabilities: Floats = is_best * each
    probabilities += exploration / scores.shape[1]
    return probabilities


def _greedy_row(scores: Floats, exploration: float) -> Floats:
    """`greedy` of one row, shape (arms,), equal to the last bit in fewer steps."""
    best = float(scores.max())
    is_best = scores >= best - _TIE * (1.0 + abs(best))
    each, any_of_them = (1.0 - exploration) / int(np.count_nonzero(is_best)), exploration / len(scores)
    return np.where(is_best, each + any_of_them, any_of_them)[None]


def discount_of(days: float, half_life_days: float = HALF_LIFE_DAYS) -> float:
    """The factor of `Policy.discount` for a number of days."""
    return float(0.5 ** (days / half_life_days))


def _check_arms(arms: Sequence[str]) -> None:
    if not arms:
        raise InvalidRequest("no eligible creative to choose from")


def _die(seed: int) -> float:
    """A number in [0, 1), independent of default_rng(seed), which estimating policies use. A hash is ten times as fast
    as a new generator."""
    return int.from_bytes(blake2b(b"%d" % seed, digest_size=8, person=b"arm").digest()) / 2**64
