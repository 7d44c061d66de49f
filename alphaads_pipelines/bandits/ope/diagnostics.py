"""Diagnose faults of propensities, weights and support that invalidate estimates.

Two tests need only the log. Weights have mean 1, whatever the rewards, if every arm of the policy could be drawn with
its logged propensity. And per arm, 1 / propensity where drawn, else 0, has the share of eligible records as its mean.
"""

from __future__ import annotations

import msgspec
import numpy as np

from alphaads_pipelines.bandits.ope.estimators import WeightedLog
from alphaads_pipelines.bandits.ope.intervals import Estimate, mean_interval
from alphaads_pipelines.bandits.ope.logs import Floats, Log

CONFIDENCE = 0.999
"""Shared among arms: a sound log fails one test in a thousand."""
MOST_SHARE = 0.1
"""Share of all weight above which one record dominates."""
MOST_UNSUPPORTED = 0.01
"""Of the policy's probability, on arms never drawn."""

_ROUNDING = 1e-9

WEIGHTS, ARMS, DOMINATED, UNSUPPORTED = (
    "weights_do_not_average_one",
    "arms_not_as_often_as_propensities_say",
    "one_record_dominates",
    "policy_plays_arms_never_drawn",
)


class ArmCheck(msgspec.Struct, frozen=True):
    """Frequency of an arm relative to its propensities, with interval."""

    arm: str
    drawn: int
    ratio: Estimate

    @property
    def is_off(self) -> bool:
        """Whether its propensities are refuted."""
        return _excludes_one(self.ratio)


class Diagnostics(msgspec.Struct, frozen=True):
    """Diagnostics of a log under a policy.

    Parameters
    ----------
    on_policy: reward per record of the logging policy.
    direct_method: the reward model's value of the evaluated policy; not an estimate by itself.
    weight_mean: with the interval of the test that it is 1.
    unsupported_share: of the policy's probability, on arms never drawn at that position.
    problems: names of failed checks.
    """

    on_policy: Estimate
    direct_method: float
    weight_mean: Estimate
    max_weight: float
    max_weight_share: float
    min_propensity: float
    unsupported_share: float
    arms: list[ArmCheck]
    problems: list[str]


def describe_problems(found: Diagnostics) -> list[str]:
    """Each problem as a sentence with figures."""
    mean, arms = found.weight_mean, found.arms
    off = [each for each in arms if each.is_off]
    worst = max((each.ratio.value for each in off), key=lambda ratio: abs(ratio - 1.0), default=1.0)
    words = {
        WEIGHTS: f"the weights have the mean {mean.value:.3f} ({mean.low:.3f} to {mean.high:.3f}) where 1 is due",
        ARMS: f"{len(off)} of {len(arms)} arms were not drawn as often as logged, one {worst:.2f} times as often",
        DOMINATED: f"a single record has {found.max_weight_share:.1%} of all weight",
        UNSUPPORTED: f"{found.unsupported_share:.1%} of the policy's choices are arms that the log never drew there",
    }
    return [words[problem] for problem in found.problems]


def diagnose(log: Log, weighted: WeightedLog) -> Diagnostics:
    """Diagnose a log under a policy."""
    weights = weighted.weights
    weight_mean = mean_interval(weights, (0.0, weighted.typical_weight), CONFIDENCE)
    share, unsupported = float(weights.max() / weights.sum()), float(weighted.unsupported.mean())
    arms = check_arms(log)
    failed = {
        WEIGHTS: _excludes_one(weight_mean),
        ARMS: any(each.is_off for each in arms),
        DOMINATED: share > MOST_SHARE,
        UNSUPPORTED: unsupported > MOST_UNSUPPORTED,
    }
    return Diagnostics(
        on_policy=mean_interval(log.rewards, log.reward_range).within(*log.reward_range),
        direct_method=float(weighted.expected.mean()),
        weight_mean=weight_mean,
        max_weight=float(weights.max()),
        max_weight_share=share,
        min_propensity=float(log.propensities.min()),
        unsupported_share=unsupported,
        arms=arms,
        problems=[name for name, is_so in failed.items() if is_so],
    )


def _excludes_one(ratio: Estimate) -> bool:
    """Up to rounding."""
    return ratio.low > 1.0 + _ROUNDING or ratio.high < 1.0 - _ROUNDING


def check_arms(log: Log) -> list[ArmCheck]:
    """Test each drawn arm, at a joint confidence."""
    drawn = np.bincount(log.chosen, minlength=len(log.arms))
    tested = np.flatnonzero(drawn)
    confidence = 1 - (1 - CONFIDENCE) / len(tested)
    return [ArmCheck(log.arms[arm], int(drawn[arm]), _arm_ratio(log, int(arm), confidence)) for arm in tested]


def _arm_ratio(log: Log, arm: int, confidence: float) -> Estimate:
    eligible: Floats = np.ones(len(log)) if log.eligible is None else log.eligible[:, arm].astype(float)
    inverse = np.where(log.chosen == arm, 1 / log.propensities, 0.0)
    typical_weight = float((inverse @ inverse) / inverse.sum())
    apart = mean_interval(inverse - eligible, (-1.0, typical_weight - 1.0), confidence)
    scale = float(eligible.mean())
    return Estimate(*(1 + each / scale for each in (apart.value, apart.low, apart.high)))
