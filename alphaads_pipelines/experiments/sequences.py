"""Confidence sequences: intervals and p-values that hold at all looks simultaneously.

Rates: Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data" (NeurIPS 2022). The treatment's share of
converted units is o(1 + lift) / (1 + o(1 + lift)), where o is the assignment odds; a test of that share, mixed over a
beta distribution, tests the lift. It is exact for any number of conversions, whose rate may vary over time, given
random assignment in the stated shares: check `sample_ratio` first.

Means: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
sequences" (Annals of Statistics 52, 2024), theorem 2.2, for a difference of means. Asymptotic, so without bounds until
both variants have enough effective units; the normal mixture is that of the mSPRT of Johari, Koomen, Pekelis and Walsh
(KDD 2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAST_EFFECTIVE_UNITS = 50
"""Per variant, before means are compared."""

_CONVERSIONS_WEIGHT = 30.0
"""Weight of the beta prior; intervals are relatively narrowest near 240 conversions."""

_BISECTIONS = 50
_WIDEST_LOGIT = 60.0


@dataclass(frozen=True, slots=True)
class ConfidenceSequence:
    """An effect at each look; arrays (..., looks).

    Parameters
    ----------
    effect: estimate, or NaN.
    low, high: running intersection of intervals, valid for a constant effect; `low > high` means it has changed.
    log_evidence: natural logarithm of the e-value against a zero effect.
    """

    effect: Floats
    low: Floats
    high: Floats
    log_evidence: Floats

    @property
    def p_value(self) -> Floats:
        """Always-valid p-value: without an effect it ever reaches a with probability at most a."""
        return np.asarray(np.exp(-np.maximum(0.0, np.maximum.accumulate(self.log_evidence, axis=-1))))


@dataclass(frozen=True, slots=True)
class Moments:
    """Cumulative moments of a variant's outcomes at each look.

    Parameters
    ----------
    units: (..., looks).
    powers: (4, ..., looks) sums of powers 1 to 4 of outcome - centre.
    centre: any number near the outcomes, for precision.
    """

    units: Floats
    powers: Floats
    centre: float = 0.0

    @property
    def mean(self) -> Floats:
        """Mean outcome; NaN without units."""
        return np.asarray(self.centre + self._raw[0])

    @property
    def variance(self) -> Floats:
        """Variance of an outcome; NaN without units."""
        first, second, *_ = self._raw
        return np.asarray(np.maximum(0.0, second - first**2))

    @property
    def effective_units(self) -> Floats:
        """Units divided by kurtosis; for a rare event, about its occurrences."""
        first, second, third, fourth = self._raw
        central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.nan_to_num(self.units * self.variance**2 / central, nan=0.0, posinf=0.0))

    @property
    def _raw(self) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.powers / self.units)


def multinomial_log_evidence(counts: Floats, null: Floats, prior: Floats) -> Floats:
    """Logarithm of the e-value against `null`: the Bayes factor of a Dirichlet mixture.

    Parameters
    ----------
    counts: (..., categories) cumulative.
    null: (categories,) positive probabilities, sum 1.
    prior: (categories,) Dirichlet parameters, fixed in advance.
    """
    from scipy.special import gammaln

    counts = np.asarray(counts, dtype=np.float64)
    of_all = gammaln(prior.sum()) - gammaln(prior.sum() + counts.sum(-1))
    of_each = (gammaln(prior + counts) - gammaln(prior)).sum(-1)
    return np.asarray(of_all + of_each - counts @ np.log(null))


def rate_sequence(control: Floats, treatment: Floats, odds: float, alpha: float) -> ConfidenceSequence:
    """Compute the lift of a rate (treatment / control - 1) at each look, with confidence 1 - alpha.

    Parameters
    ----------
    control, treatment: (..., looks) cumulative conversions, at most one per unit.
    odds: units assigned to treatment per unit assigned to control.
    """
    share = odds / (1 + odds)
    shares = np.array([1 - share, share])
    prior = _CONVERSIONS_WEIGHT * shares
    counts = np.stack([control, treatment], axis=-1).astype(np.float64)
    evidence = multinomial_log_evidence(counts, shares, prior)
    at_null = counts @ -np.log(shares)
    low, high = _logit_bounds(counts, evidence - at_null, math.log(1 / alpha))
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        effect = counts[..., 1] / (counts[..., 0] * odds) - 1
        return _running(
            np.where(counts[..., 0] > 0, effect, np.nan), np.exp(low) / odds - 1, np.exp(high) / odds - 1, evidence
        )


def _logit_bounds(counts: Floats, mixed: Floats, threshold: float) -> tuple[Floats, Floats]:
    """Bounds of the treatment's logit where evidence stays below the threshold."""
    failures, successes = counts[..., 0], counts[..., 1]

    def evidence(logit: Floats) -> Floats:
        log_odds = np.logaddexp(0, -logit) * successes + np.logaddexp(0, logit) * failures
        return np.asarray(mixed + log_odds)

    with np.errstate(divide="ignore", invalid="ignore"):
        best = np.log(successes) - np.log(failures)
    best = np.clip(np.nan_to_num(best), -_WIDEST_LOGIT, _WIDEST_LOGIT)
    low = _bisect(evidence, best, np.full_like(best, -_WIDEST_LOGIT), threshold)
    high = _bisect(evidence, best, np.full_like(best, _WIDEST_LOGIT), threshold)
    return np.where(successes > 0, low, -np.inf), np.where(failures > 0, high, np.inf)


def _bisect(evidence: Callable[[Floats], Floats], inside: Floats, outside: Floats, threshold: float) -> Floats:
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        kept = evidence(middle) < threshold
        inside, outside = np.where(kept, middle, inside), np.where(kept, outside, middle)
    return outside


def mean_sequence(control: Moments, treatment: Moments, alpha: float, planned_units: int) -> ConfidenceSequence:
    """Compute the difference of means (treatment - control) at each look, with confidence 1 - alpha.

    Parameters
    ----------
    planned_units: total at which intervals are narrowest, fixed in advance.
    """
    ready = np.minimum(control.effective_units, treatment.effective_units) >= LEAST_EFFECTIVE_UNITS
    effect = treatment.mean - control.mean
    with np.errstate(invalid="ignore", divide="ignore"):
        variance = control.variance / control.units + treatment.variance / treatment.units
        scaled = (control.units + treatment.units) * _mixture_variance(alpha, planned_units)
        spent = np.log1p(scaled)
        half = np.sqrt(variance * (1 + 1 / scaled) * (spent + 2 * math.log(1 / alpha)))
        evidence = (effect**2 / variance * scaled / (1 + scaled) - spent) / 2
    return _running(
        effect,
        np.where(ready, effect - half, -np.inf),
        np.where(ready, effect + half, np.inf),
        np.where(ready, evidence, 0.0),
    )


def _mixture_variance(alpha: float, planned_units: int) -> float:
    """In outcome variances, tuned for a planned size as in Waudby-Smith et al. (2024)."""
    surprise = -2 * math.log(alpha)
    return (surprise + math.log1p(surprise)) / planned_units


def _running(effect: Floats, low: Floats, high: Floats, evidence: Floats) -> ConfidenceSequence:
    return ConfidenceSequence(
        np.asarray(effect),
        np.asarray(np.maximum.accumulate(low, axis=-1)),
        np.asarray(np.minimum.accumulate(high, axis=-1)),
        np.asarray(evidence),
    )
