"""Synthetic worlds for off-policy evaluation: a policy's logs, and another policy's exact value.

With 200 equally likely contexts, values are finite sums. Click probabilities are logistic, with weights per arm.
"""

from __future__ import annotations

import msgspec
import numpy as np

from alphaads_pipelines.bandits.ope.evaluation_policy import EvaluationPolicy
from alphaads_pipelines.bandits.ope.logs import Floats, Log

_CONTEXTS, _NUMBERS, _ARMS = 200, 4, 10


class Shape(msgspec.Struct, frozen=True):
    """Parameters of a world.

    Parameters
    ----------
    level: approximate log-odds of a click.
    logged, evaluated: inverse temperatures of the logging policy (on noisy estimates) and the evaluated one.
    floor: share of uniform decisions in the log.
    """

    level: float
    logged: float
    evaluated: float
    floor: float


SHAPES = {
    "even weights": Shape(level=-1.4, logged=1.0, evaluated=1.5, floor=0.2),
    "heavy weights": Shape(level=-1.4, logged=2.5, evaluated=0.0, floor=0.03),
    "rare rewards": Shape(level=-4.0, logged=1.0, evaluated=1.5, floor=0.2),
    "rare rewards, heavy weights": Shape(level=-4.0, logged=2.0, evaluated=0.0, floor=0.05),
}


class World(EvaluationPolicy):
    """A world of a shape, and the policy that is evaluated in it."""

    def __init__(self, shape: Shape, seed: int = 0) -> None:
        random = np.random.default_rng(seed)
        self._shape = shape
        self._contexts = random.normal(size=(_CONTEXTS, _NUMBERS)).astype(np.float32)
        self._weights = random.normal(size=(_NUMBERS, _ARMS)) * 0.5
        self._arms = random.normal(size=_ARMS) * 0.3
        worth = self._worth(self._contexts)
        self.chances = 1 / (1 + np.exp(-shape.level - worth))
        mistaken = worth + random.normal(size=worth.shape)
        self.propensities = (1 - shape.floor) * _softmax(shape.logged * mistaken) + shape.floor / _ARMS

    @property
    def truth(self) -> float:
        """Value of the evaluated policy, per decision."""
        return float((self._evaluated(self._contexts) * self.chances).sum(axis=1).mean())

    @property
    def truth_of_log(self) -> float:
        """Value of the logging policy."""
        return float((self.propensities * self.chances).sum(axis=1).mean())

    def log(self, n: int, seed: int) -> Log:
        """Log `n` decisions."""
        random = np.random.default_rng((seed, n))
        context = random.integers(_CONTEXTS, size=n)
        sums = self.propensities[context].cumsum(axis=1)
        chosen = np.minimum((random.random(n)[:, None] > sums).sum(axis=1), _ARMS - 1)
        return Log(
            arms=tuple(f"arm-{arm}" for arm in range(_ARMS)),
            chosen=chosen.astype(np.int64),
            propensities=self.propensities[context, chosen],
            rewards=(random.random(n) < self.chances[context, chosen]).astype(np.float64),
            contexts=self._contexts[context],
            positions=np.zeros(n, dtype=np.int64),
        )

    def probabilities(self, log: Log) -> Floats:
        """Probabilities of the evaluated policy."""
        return self._evaluated(log.contexts)

    def _worth(self, contexts: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Floats:
        return np.asarray(contexts.astype(np.float64) @ self._weights + self._arms)

    def _evaluated(self, contexts: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Floats:
        return _softmax(self._shape.evaluated * self._worth(contexts))


def _softmax(scores: Floats) -> Floats:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
