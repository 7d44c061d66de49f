"""The promotion rule: the lower bound of a candidate's estimate beats the incumbent, with enough effective samples and
a sound log."""

from __future__ import annotations

import msgspec

from alphaads_pipelines.bandits.ope.diagnostics import describe_problems
from alphaads_pipelines.bandits.ope.evaluation import Evaluation
from alphaads_pipelines.errors import InvalidRequest, QualityRefused


class Rule(msgspec.Struct, frozen=True):
    """Requirements for promotion.

    Parameters
    ----------
    estimator: its lower bound has to beat the incumbent.
    effective_samples: the minimum.
    margin: of the bound, in reward per decision.
    """

    estimator: str = "dr"
    effective_samples: float = 500.0
    margin: float = 0.0


class Verdict(msgspec.Struct, frozen=True):
    """A decision on promotion; `reasons` are sentences with figures."""

    candidate_low: float
    incumbent: float
    effective_samples: float
    reasons: list[str]

    @property
    def is_promoted(self) -> bool:
        """Whether no reason speaks against it."""
        return not self.reasons


def check_promotion(candidate: Evaluation, incumbent: float, rule: Rule = Rule()) -> Verdict:
    """Apply the rule. Raises InvalidRequest for an unknown estimator.

    Parameters
    ----------
    incumbent: reward per decision of the serving policy; `diagnostics.on_policy.value` if it made the log.
    """
    if rule.estimator not in candidate.estimates:
        raise InvalidRequest(f"unknown estimator; known: {', '.join(candidate.estimates)}")
    low, samples = candidate.estimates[rule.estimator].low, candidate.effective_samples
    reasons = describe_problems(candidate.diagnostics)
    if samples < rule.effective_samples:
        reasons.append(f"{samples:.0f} effective samples, {rule.effective_samples:.0f} are needed")
    if not low > incumbent + rule.margin:
        needed = f"the incumbent's {incumbent:.5f}" + (f" by {rule.margin:.5f}" if rule.margin else "")
        reasons.append(f"the lower bound of {rule.estimator}, {low:.5f}, does not beat {needed}")
    return Verdict(low, incumbent, samples, reasons)


def require_promotion(candidate: Evaluation, incumbent: float, rule: Rule = Rule()) -> Verdict:
    """The verdict if promoted. Raises QualityRefused with every reason, and InvalidRequest."""
    verdict = check_promotion(candidate, incumbent, rule)
    if not verdict.is_promoted:
        raise QualityRefused(f"the candidate is not promoted: {'; '.join(verdict.reasons)}")
    return verdict
