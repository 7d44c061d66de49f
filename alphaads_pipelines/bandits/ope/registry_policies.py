"""Registry policies trained on the first half of a log."""

from __future__ import annotations

import numpy as np

from alphaads_pipelines.bandits.base import Outcomes, Policy
from alphaads_pipelines.bandits.ope.evaluation_policy import EvaluationPolicy
from alphaads_pipelines.bandits.ope.logs import Floats, Log
from alphaads_pipelines.bandits.random import RandomPolicy
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.errors import InvalidRequest

TRAINING_SHARE = 0.5

_BLOCK = 10_000


class RegistryPolicy(EvaluationPolicy):
    """A policy without further learning. It sees contexts behind a constant 1."""

    def __init__(self, policy: Policy, seed: int) -> None:
        self._policy, self._seed = policy, seed

    def probabilities(self, log: Log) -> Floats:
        """One call per distinct set of eligible arms."""
        found, contexts = np.zeros((len(log), len(log.arms))), policy_contexts(log)
        eligible = np.ones((1, len(log.arms)), dtype=bool) if log.eligible is None else log.eligible
        sets, of_record = np.unique(eligible, axis=0, return_inverse=True)
        for each, is_eligible in enumerate(sets):
            rows = slice(None) if log.eligible is None else np.flatnonzero(of_record == each)
            columns = np.flatnonzero(is_eligible)
            chances = self._policy.distributions([log.arms[at] for at in columns], contexts[rows], self._seed)
            found[np.ix_(np.arange(len(log))[rows], columns)] = chances
        return found


def fit_policy(name: str, log: Log, seed: int) -> tuple[EvaluationPolicy, Log]:
    """Train a registry policy; returns it and the records to evaluate it on.

    `random` is evaluated on all records. Others learn from the first half, in order, and are evaluated on the second,
    since records learned from would flatter them. Raises ConfigurationError for an unknown policy, InvalidRequest if
    the log is too short to halve.
    """
    policy = POLICIES.load(name).from_state({"features": 1 + log.contexts.shape[1]})
    if isinstance(policy, RandomPolicy):
        return RegistryPolicy(policy, seed), log
    training = int(len(log) * TRAINING_SHARE)
    if not training:
        raise InvalidRequest("the log is too short: a policy learns from half of it and is evaluated on the rest")
    for start in range(0, training, _BLOCK):
        part = log.take(slice(start, min(start + _BLOCK, training)))
        arms = [part.arms[arm] for arm in part.chosen]
        policy.learn(Outcomes(arms, policy_contexts(part), part.rewards))
    return RegistryPolicy(policy, seed), log.take(slice(training, None))


def policy_contexts(log: Log) -> Floats:
    """Contexts as policy input, shape (n, 1 + d)."""
    return np.hstack([np.ones((len(log), 1)), log.contexts.astype(np.float64)])
