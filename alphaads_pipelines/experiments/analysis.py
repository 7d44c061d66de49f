"""Compares each variant with control in every metric, and decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.decision import decide, decide_arm, goal_verdict, guard_rail_verdict
from alphaads_pipelines.experiments.observations import Observations
from alphaads_pipelines.experiments.result import Arm, Better, Comparison, Kind, Look, Metric, Plan, Result, Verdict
from alphaads_pipelines.experiments.sample_ratio import check_sample_ratio
from alphaads_pipelines.experiments.sequences import ConfidenceSequence, Floats, mean_sequence, rate_sequence


def analyse(
    observations: Observations, plan: Plan, *, control: str = "control", shares: Mapping[str, int] | None = None
) -> Result:
    """Analyse an experiment.

    Parameters
    ----------
    shares: arm -> planned share, on any scale; None for equal shares.

    Raises
    ------
    InvalidRequest: control has no units, is the only variant, or shares and variants do not match.
    """
    arms = observations.arms
    split = _split(observations, control, shares)
    others = [arm for arm in arms if arm != control]
    alpha = plan.alpha / len(others)
    units = int(observations.units[-1].sum())
    sample_ratio = check_sample_ratio(observations.units, split)
    comparisons, by_arm, gains = [], [], []
    for arm in others:
        compared = [_compare(observations, metric, (control, arm), split, alpha, plan) for metric in plan.metrics]
        comparisons += compared
        by_arm.append(decide_arm(compared, is_used_up=units >= plan.planned_units))
        gains.append(_gains(compared[0])[0])
    return Result(
        control=control,
        arms=tuple(Arm(arm, float(split[at]), int(observations.units[-1, at])) for at, arm in enumerate(arms)),
        units=units,
        planned_units=plan.planned_units,
        alpha=plan.alpha,
        confidence=1 - alpha,
        sample_ratio=sample_ratio,
        comparisons=tuple(comparisons),
        decision=decide(by_arm, gains, sample_ratio),
        by_arm=tuple(by_arm),
    )


def _split(observations: Observations, control: str, shares: Mapping[str, int] | None) -> Floats:
    arms = observations.arms
    if control not in arms:
        raise InvalidRequest("control: no unit is in this arm")
    if len(arms) < 2:
        raise InvalidRequest("arms: there is none beside control")
    given = dict.fromkeys(arms, 1) if shares is None else shares
    if set(given) != set(arms) or min(given.values()) <= 0:
        raise InvalidRequest("shares: each arm needs one, above 0, and no other arm has one")
    split = np.array([given[arm] for arm in arms], dtype=np.float64)
    return np.asarray(split / split.sum())


def _compare(
    observations: Observations, metric: Metric, pair: tuple[str, str], split: Floats, alpha: float, plan: Plan
) -> Comparison:
    control, arm = (observations.arms.index(name) for name in pair)
    if metric.kind is Kind.RATE:
        converted = observations.rates[metric.name]
        sequence = rate_sequence(converted[:, control], converted[:, arm], float(split[arm] / split[control]), alpha)
        values = dict(enumerate(converted[-1] / np.maximum(1.0, observations.units[-1])))
    else:
        before, after = observations.moments(metric.name, control), observations.moments(metric.name, arm)
        planned = max(1, round(plan.planned_units * float(split[control] + split[arm])))
        sequence = mean_sequence(before, after, alpha, planned)
        values = {control: before.mean[-1], arm: after.mean[-1]}
    looks = _looks(observations, sequence)
    comparison = Comparison(
        arm=pair[1],
        metric=metric.name,
        kind=metric.kind,
        better=metric.better,
        margin=metric.margin,
        control_value=_finite(values[control]),
        arm_value=_finite(values[arm]),
        effect=looks[-1].effect,
        low=looks[-1].low,
        high=looks[-1].high,
        p_value=float(sequence.p_value[-1]),
        verdict=Verdict.OPEN,
        looks=looks,
    )
    return replace(comparison, verdict=_verdict(comparison))


def _verdict(comparison: Comparison) -> Verdict:
    low, high = _gains(comparison)
    return goal_verdict(low, high) if comparison.margin is None else guard_rail_verdict(low, high, comparison.margin)


def _gains(comparison: Comparison) -> tuple[float, float]:
    """Bounds of the effect, negated if lower is better."""
    low = -math.inf if comparison.low is None else comparison.low
    high = math.inf if comparison.high is None else comparison.high
    return (low, high) if comparison.better is Better.HIGHER else (-high, -low)


def _looks(observations: Observations, sequence: ConfidenceSequence) -> tuple[Look, ...]:
    units = observations.units.sum(axis=1)
    rows = zip(observations.looks, units, sequence.effect, sequence.low, sequence.high, strict=True)
    return tuple(Look(at, int(so_far), *(_finite(value) for value in values)) for at, so_far, *values in rows)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
