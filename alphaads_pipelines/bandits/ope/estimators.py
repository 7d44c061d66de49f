"""Estimators of a policy's value over weighted records.

With logged propensity p and the policy's probability t of the drawn arm, a record has weight w = t / p, and w times the
reward r has the policy's value as mean (Horvitz & Thompson 1952). Intervals are of that value, not of the estimator's
mean: truncation adds its worst-case cost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alphaads_pipelines.bandits.ope.evaluation_policy import EvaluationPolicy
from alphaads_pipelines.bandits.ope.intervals import Estimate, mean_interval, ratio_interval
from alphaads_pipelines.bandits.ope.logs import Floats, Log
from alphaads_pipelines.bandits.ope.reward_model import cross_fitted
from alphaads_pipelines.errors import InvalidRequest


@dataclass(frozen=True)
class WeightedLog:
    """The estimators' input; columns have shape (n,).

    Parameters
    ----------
    weights: of the drawn arm.
    predicted: the reward model's, for the drawn arm.
    expected: its mean over the policy (the direct method).
    unsupported: the policy's probability of arms never drawn at this position.
    reward_range: of a record.
    """

    weights: Floats
    rewards: Floats
    predicted: Floats
    expected: Floats
    unsupported: Floats
    reward_range: tuple[float, float]

    @property
    def typical_weight(self) -> float:
        """Mean weight of a record drawn by the policy itself: sum of squares over sum."""
        return float((self.weights @ self.weights) / self.weights.sum())

    @property
    def effective_samples(self) -> float:
        """Equivalent number of the policy's own records (Kish 1965)."""
        return float(self.weights.sum() / self.typical_weight)


def weigh(
    log: Log, policy: EvaluationPolicy, seed: int, advance: Callable[[int], object] = lambda _: None
) -> WeightedLog:
    """Weigh a log under a policy, and fit a reward model in folds drawn by `seed`.

    Parameters
    ----------
    advance: called with the number of further records.

    Raises
    ------
    InvalidRequest: there is no record, or none the policy could have drawn.
    """
    n = len(log)
    if not n:
        raise InvalidRequest("the log has no records")
    weights, predicted, expected, unsupported = np.zeros((4, n))
    slots, slot = np.unique(log.positions, return_inverse=True)
    unseen = np.ones((len(slots), len(log.arms)), dtype=bool)
    unseen[slot, log.chosen] = False
    for rows, model in cross_fitted(log, seed):
        part = log.take(rows)
        chances, each = policy.probabilities(part), np.arange(len(rows))
        weights[rows] = chances[each, part.chosen] / part.propensities
        predicted[rows] = model[each, part.chosen]
        expected[rows] = (chances * model).sum(axis=1)
        unsupported[rows] = (chances * unseen[slot[rows]]).sum(axis=1)
        advance(len(rows))
    if not weights.any():
        raise InvalidRequest("the policy would have drawn none of the arms that the log holds: it cannot be evaluated")
    return WeightedLog(weights, log.rewards, predicted, expected, unsupported, log.reward_range)


def ips(log: WeightedLog) -> Estimate:
    """Inverse propensity scoring, unclipped: mean of w r."""
    return _mean(log.weights * log.rewards, log, log.typical_weight, 0.0, 0.0)


def clipped_ips(log: WeightedLog) -> Estimate:
    """Mean of min(w, sqrt(n)) r (Ionides, JCGS 17, 2008).

    The interval allows any reward within range for the clipped weight.
    """
    least, most = log.reward_range
    cap = float(np.sqrt(len(log.weights)))
    kept = np.minimum(log.weights, cap)
    cut = float((log.weights - kept).mean())
    found = _mean(kept * log.rewards, log, min(log.typical_weight, cap), 0.0, 0.0)
    return Estimate(found.value, found.low + min(0.0, least * cut), found.high + max(0.0, most * cut)).within(
        least, most
    )


def snips(log: WeightedLog) -> Estimate:
    """Self-normalised: sum of w r over sum of w (Swaminathan & Joachims, NeurIPS 2015)."""
    least, most = log.reward_range
    return ratio_interval(log.weights, log.rewards, log.typical_weight, (least, most)).within(least, most)


def dr(log: WeightedLog) -> Estimate:
    """Doubly robust: the model's value of the policy plus w times its error (Dudik et al., ICML 2011)."""
    errors = log.rewards - log.predicted
    return _mean(
        log.expected + log.weights * errors, log, log.typical_weight, log.expected.mean(), log.predicted.mean()
    )


def switch_dr(log: WeightedLog) -> Estimate:
    """Doubly robust where w is at most sqrt(n), the model alone above it (Wang et al., ICML 2017).

    The paper's threshold, by worst bias, would hardly ever switch where only the drawn arm's propensity is known. The
    interval allows any reward within range above the threshold.
    """
    least, most = log.reward_range
    kept = log.weights <= np.sqrt(len(log.weights))
    values = log.expected + kept * log.weights * (log.rewards - log.predicted)
    typical_weight = min(log.typical_weight, float(np.sqrt(len(log.weights))))
    found = _mean(values, log, typical_weight, log.expected.mean(), log.predicted.mean())
    truncated = ~kept * log.weights
    low, high = (float((truncated * (extreme - log.predicted)).mean()) for extreme in log.reward_range)
    return Estimate(found.value, found.low + low, found.high + high).within(least, most)


ESTIMATORS: dict[str, Callable[[WeightedLog], Estimate]] = {
    "ips": ips,
    "clipped_ips": clipped_ips,
    "snips": snips,
    "dr": dr,
    "switch_dr": switch_dr,
}


def _mean(values: Floats, log: WeightedLog, weight: float, base: float, predicted: float) -> Estimate:
    """Mean of values `base` + weight * (reward - predicted)."""
    least, most = log.reward_range
    unlucky = base + weight * (least - predicted), base + weight * (most - predicted)
    return mean_interval(values, unlucky).within(least, most)
