"""Detects sample ratio mismatch, which invalidates an experiment.

The sequential test of Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022), may run
after every unit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from alphaads_pipelines.experiments.sequences import Floats, multinomial_log_evidence

THRESHOLD = 0.01
"""Always-valid p-values up to it fail: 5,200 units beside 4,800 do. Sound experiments ever fail with at most this
probability; of 2,000 with 200 looks and 10,000 units, five did."""

_UNITS_WEIGHT = 1_000.0
"""Weight of the Dirichlet prior; fastest for mismatches that show near 16,000 units."""


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """The check's outcome."""

    p_value: float
    threshold: float
    is_passed: bool


def check_sample_ratio(units: Floats, shares: Floats) -> SampleRatio:
    """Compare the units of each variant with the planned shares.

    Parameters
    ----------
    units: (looks, arms) cumulative.
    shares: (arms,) positive, on any scale.
    """
    expected = shares / shares.sum()
    evidence = multinomial_log_evidence(units, expected, _UNITS_WEIGHT * expected)
    p_value = float(np.exp(-max(0.0, float(evidence.max(initial=0.0)))))
    return SampleRatio(p_value, THRESHOLD, p_value > THRESHOLD)
