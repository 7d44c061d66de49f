"""Are there as many units in each arm as there should be? If not, assignment or logging is broken, and so is all else.

The sequential multinomial test of Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS
2022), so that the check may run after every unit: a sound experiment ever fails it with probability `THRESHOLD` at
most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphaads_pipelines.experiments.sequences import Floats, multinomial_log_evidence

THRESHOLD = 0.01
"""An always-valid p-value at or below it fails; 5,200 units beside 4,800 do. Of sound experiments one in a hundred at
most ever fails, however often it is looked at: of 2,000, looked at 200 times up to 10,000 units, five did."""

_UNITS_WEIGHT = 1_000.0
"""How many units the Dirichlet mixture is worth: it is quickest with mismatches that show near 16,000 units."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The check's answer: its always-valid p-value."""

    p_value: float
    threshold: float
    is_passed: bool


def check_sample_ratio(units: Floats, shares: Floats) -> SampleRatio:
    """Compare the units in each arm with the shares in which they were to be assigned.

    Parameters
    ----------
    units: (looks, arms) units so far.
    shares: (arms,) positive, on any scale.
    """
    expected = shares / shares.sum()
    evidence = multinomial_log_evidence(units, expected, _UNITS_WEIGHT * expected)
    p_value = float(np.exp(-max(0.0, float(evidence.max(initial=0.0)))))
    return SampleRatio(p_value, THRESHOLD, p_value > THRESHOLD)
