"""Simulate policies over many seeds: regrets with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.base import Policy
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.bandits.simulator.loop import PlayResult, play
from alphaads_pipelines.bandits.simulator.stream import Stream
from alphaads_pipelines.bandits.simulator.world import DAY_S, WORLDS
from alphaads_pipelines.errors import InvalidRequest, MissingArtifact

MOST_DECISIONS, MOST_SEEDS = 1_000_000, 1_000
POINTS = 56
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Regrets:
    """A policy's regret by seed.

    Attributes
    ----------
    curves: cumulative, shape (seeds, points). clicks: shape (seeds,).
    """

    curves: Floats
    clicks: NDArray[np.int64]

    @property
    def totals(self) -> Floats:
        """Final regret, shape (seeds,)."""
        return np.asarray(self.curves[:, -1])


@dataclass(frozen=True)
class Simulation:
    """Policies on the same streams.

    Attributes
    ----------
    points: numbers of decisions, shape (points,). changes: of the truth, approximate.
    random: expected of random draws. best: expected clicks with the truth known.
    """

    world: str
    decisions: int
    seeds: Sequence[int]
    points: NDArray[np.intp]
    changes: Sequence[int]
    random: Regrets
    best: Floats
    policies: Mapping[str, Regrets]

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "world": self.world,
            "decisions": self.decisions,
            "seeds": list(self.seeds),
            "points": self.points.tolist(),
            "changes": list(self.changes),
            "clicks_of_the_best": round(float(self.best.mean()), 1),
            "regret_of_random": round(float(self.random.totals.mean()), 1),
            "policies": {name: self._policy_summary(each) for name, each in self.policies.items()},
        }

    def _policy_summary(self, each: Regrets) -> dict[str, Any]:
        low, high = interval(each.totals)
        return {
            "regret": round(float(each.totals.mean()), 1),
            "low": None if low is None else round(low, 1),
            "high": None if high is None else round(high, 1),
            "share_of_random": round(float(each.totals.mean() / self.random.totals.mean()), 4),
            "clicks": round(float(each.clicks.mean()), 1),
            "by_seed": each.totals.round(1).tolist(),
            "curve": each.curves.mean(axis=0).round(1).tolist(),
        }


def simulate(
    world: str,
    names: Sequence[str],
    decisions: int,
    seeds: Sequence[int],
    advance: Callable[[int], object] = lambda _: None,
    on_run: Callable[[Stream, str, PlayResult], object] = lambda *_: None,
) -> Simulation:
    """Run each policy, untrained, on the stream of each seed.

    Parameters
    ----------
    advance: called with the number of further decisions. on_run: called with each run.

    Raises
    ------
    InvalidRequest: unknown world, or nothing to do. ConfigurationError: unknown policy.
    MissingArtifact: a policy's packages are not installed.
    """
    if world not in WORLDS:
        raise InvalidRequest(f"unknown world {world!r}; known: {', '.join(WORLDS)}")
    if not (1 <= decisions <= MOST_DECISIONS and 1 <= len(seeds) <= MOST_SEEDS and names):
        raise InvalidRequest(f"from 1 to {MOST_DECISIONS:,} decisions, 1 to {MOST_SEEDS:,} seeds, and a policy")
    makers = {name: new_policy(name) for name in names}
    points, changes = points_of(decisions), list[int]()
    random, best = list[tuple[Floats, int]](), list[float]()
    found: dict[str, list[tuple[Floats, int]]] = {name: [] for name in makers}
    for seed in seeds:
        stream = Stream.generate(WORLDS[world], decisions, seed)
        changes = changes or [int(np.searchsorted(stream.at, day * DAY_S)) for day in stream.begins[1:]]
        random.append((curve(stream.regret_of_random, points), 0))
        best.append(float(stream.chances.max(axis=1)[stream.reports.is_seen].sum()))
        for name in makers:
            played = play(stream, new_policy(name), advance=advance)
            found[name].append((curve(played.regret, points), int(played.is_clicked.sum())))
            on_run(stream, name, played)
    policies = {name: _stacked(runs) for name, runs in found.items()}
    return Simulation(world, decisions, seeds, points, changes, _stacked(random), np.array(best), policies)


def new_policy(name: str) -> Policy:
    """An untrained policy. Raises ConfigurationError, MissingArtifact."""
    return POLICIES.load(name).from_state({})


def installed_policies() -> list[str]:
    """Policies whose packages are installed."""
    names = []
    for name in POLICIES:
        try:
            new_policy(name)
        except MissingArtifact:
            continue
        names.append(name)
    return names


def points_of(decisions: int) -> NDArray[np.intp]:
    """Numbers of decisions, evenly spaced up to the end."""
    return np.unique(np.linspace(0, decisions, min(POINTS, decisions) + 1)[1:].astype(np.intp))


def curve(regret: Floats, points: NDArray[np.intp]) -> Floats:
    """Cumulative regret at these points."""
    return np.asarray(regret.cumsum()[points - 1])


def interval(values: Floats) -> tuple[float | None, float | None]:
    """Student's 95 % interval of the mean; (None, None) for one value."""
    from scipy.stats import t

    if len(values) < 2:
        return None, None
    half = float(t.ppf((1 + _CONFIDENCE) / 2, len(values) - 1)) * float(values.std(ddof=1)) / sqrt(len(values))
    return float(values.mean()) - half, float(values.mean()) + half


def _stacked(runs: Sequence[tuple[Floats, int]]) -> Regrets:
    return Regrets(np.array([each for each, _ in runs]), np.array([clicks for _, clicks in runs], dtype=np.int64))
