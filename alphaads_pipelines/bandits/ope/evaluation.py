"""One evaluation: a log, a policy, and all that can be said of the two."""

from __future__ import annotations

import msgspec

from alphaads_pipelines.bandits.ope.diagnostics import Diagnostics, diagnose
from alphaads_pipelines.bandits.ope.estimators import ESTIMATORS, WeightedLog
from alphaads_pipelines.bandits.ope.intervals import Estimate
from alphaads_pipelines.bandits.ope.logs import Log


class Evaluation(msgspec.Struct, frozen=True):
    """What `alphaads ope` prints.

    Parameters
    ----------
    n: records.
    effective_samples: how many records of the policy itself would say as much (Kish).
    estimates: by name of the estimator; reward per decision, with 95 % intervals.
    """

    n: int
    effective_samples: float
    estimates: dict[str, Estimate]
    diagnostics: Diagnostics


def evaluate(log: Log, weighted: WeightedLog) -> Evaluation:
    """Every estimate of a log that was weighed (`estimators.weigh`)."""
    return Evaluation(
        n=len(log),
        effective_samples=weighted.effective_samples,
        estimates={name: estimator(weighted) for name, estimator in ESTIMATORS.items()},
        diagnostics=diagnose(log, weighted),
    )
