"""May a candidate policy serve? The pure rule, over an off-policy evaluation; who asks and what follows is elsewhere.

A candidate is promoted if the lower bound of its estimate beats what the incumbent earns, enough effective samples
stand behind it, and nothing is wrong with the log. Else it is refused, with every reason and its numbers.
"""

from __future__ import annotations

import msgspec

from alphaads_pipelines.bandits.ope.diagnostics import describe_problems
from alphaads_pipelines.bandits.ope.evaluation import Evaluation
from alphaads_pipelines.errors import InvalidRequest, QualityRefused


class Rule(msgspec.Struct, frozen=True):
    """What is asked of a candidate.

    Parameters
    ----------
    estimator: whose lower bound has to beat the incumbent.
    effective_samples: as many at least.
    margin: by how much the bound has to beat it, in reward per decision.
    """

    estimator: str = "dr"
    effective_samples: float = 500.0
    margin: float = 0.0


class Verdict(msgspec.Struct, frozen=True):
    """Whether a candidate may serve; `reasons` say why not, in sentences with their numbers."""

    candidate_low: float
    incumbent: float
    effective_samples: float
    reasons: list[str]

    @property
    def is_promoted(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.reasons


def check_promotion(candidate: Evaluation, incumbent: float, rule: Rule = Rule()) -> Verdict:
    """The verdict on a candidate.

    Parameters
    ----------
    incumbent: what the serving policy earns per decision; where it made the log, `diagnostics.on_policy.value`.

    Raises
    ------
    InvalidRequest: there is no such estimator.
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
    """The verdict, if the candidate may serve. Raises QualityRefused, with every reason, and InvalidRequest."""
    verdict = check_promotion(candidate, incumbent, rule)
    if not verdict.is_promoted:
        raise QualityRefused(f"the candidate is not promoted: {'; '.join(verdict.reasons)}")
    return verdict
