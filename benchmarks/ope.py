"""`bench ope`: coverage and width of each estimator's 95 % intervals, on logs with known truth (benchmarks/logged.py).

The peer is the normal interval around the same estimate on the same logs.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import numpy as np

from alphaads_pipelines.bandits.ope.estimators import ESTIMATORS, WeightedLog, weigh
from alphaads_pipelines.bandits.ope.intervals import Estimate
from alphaads_pipelines.bandits.ope.logs import Floats
from benchmarks.logged import SHAPES, World

_LIMIT = 0.93
_NORMAL = 1.959964


def run(runs: int = 200, small: int = 500, large: int = 5_000) -> dict[str, Any]:
    """Evaluate `runs` logs of each size in each world."""
    worlds = {name: _world_report(World(shape), runs, (small, large)) for name, shape in SHAPES.items()}
    sizes = [size for world in worlds.values() for size in world["n"].values()]
    coverages = [each["coverage"] for size in sizes for each in size.values()]
    return {
        "bench": "ope",
        "runs": runs,
        "confidence": 0.95,
        "least_coverage": min(coverages),
        "limit": _LIMIT,
        "peer": "normal interval",
        "worlds": worlds,
    }


def _world_report(world: World, runs: int, sizes: tuple[int, ...]) -> dict[str, Any]:
    return {"truth": round(world.truth, 5), "n": {str(n): coverage(world, runs, n) for n in sizes}}


def coverage(world: World, runs: int, n: int) -> dict[str, dict[str, float]]:
    """By estimator, coverage and median width over `runs` logs of `n` decisions."""
    ours: dict[str, list[Estimate]] = {name: [] for name in ESTIMATORS}
    normal: dict[str, list[Estimate]] = {name: [] for name in ESTIMATORS}
    for seed in range(runs):
        weighted = weigh(world.log(n, seed), world, seed)
        for name, estimator in ESTIMATORS.items():
            ours[name].append(estimator(weighted))
            normal[name].append(_normal_interval(_values(name, weighted)))
    return {name: {**_covered(ours[name], world.truth), **_normal(normal[name], world.truth)} for name in ESTIMATORS}


def _covered(found: list[Estimate], truth: float) -> dict[str, float]:
    return {
        "coverage": round(sum(each.low <= truth <= each.high for each in found) / len(found), 4),
        "median_width": round(median(each.high - each.low for each in found), 5),
    }


def _normal(found: list[Estimate], truth: float) -> dict[str, float]:
    return {f"normal_{name}": value for name, value in _covered(found, truth).items()}


def _values(name: str, of: WeightedLog) -> Floats:
    """What the textbook takes the mean of, one value a record."""
    cap = math.sqrt(len(of.weights))
    errors = of.rewards - of.predicted
    ratio = float(of.weights @ of.rewards / of.weights.sum())
    values: dict[str, Floats] = {
        "ips": of.weights * of.rewards,
        "clipped_ips": np.minimum(of.weights, cap) * of.rewards,
        "snips": ratio + of.weights * (of.rewards - ratio) / of.weights.mean(),
        "dr": of.expected + of.weights * errors,
        "switch_dr": of.expected + np.where(of.weights <= cap, of.weights, 0.0) * errors,
    }
    return values[name]


def _normal_interval(values: Floats) -> Estimate:
    mean, half = float(values.mean()), _NORMAL * float(values.std(ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half).within(0.0, 1.0)
