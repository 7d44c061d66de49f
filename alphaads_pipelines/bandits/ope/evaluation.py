"""All estimates and diagnostics of a policy on a log."""

from __future__ import annotations

import msgspec

from alphaads_pipelines.bandits.ope.diagnostics import Diagnostics, diagnose
from alphaads_pipelines.bandits.ope.estimators import ESTIMATORS, WeightedLog
from alphaads_pipelines.bandits.ope.intervals import Estimate
from alphaads_pipelines.bandits.ope.logs import Log


class Evaluation(msgspec.Struct, frozen=True):
    """The output of `alphaads ope`.

    Parameters
    ----------
    n: records.
    effective_samples: equivalent number of the policy's own records (Kish).
    estimates: reward per decision by estimator, with 95 % intervals.
    """

    n: int
    effective_samples: float
    estimates: dict[str, Estimate]
    diagnostics: Diagnostics


def evaluate(log: Log, weighted: WeightedLog) -> Evaluation:
    """Apply every estimator to a weighted log."""
    return Evaluation(
        n=len(log),
        effective_samples=weighted.effective_samples,
        estimates={name: estimator(weighted) for name, estimator in ESTIMATORS.items()},
        diagnostics=diagnose(log, weighted),
    )
