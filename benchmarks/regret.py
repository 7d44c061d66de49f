"""`bench regret`: our policy's regret in the simulator, beside Vowpal Wabbit and MABWiser on the same streams.

All start untrained, with the same people, contexts, random draws, delays and update frequency. Ours is `linucb` as
shipped, the same in both worlds, through the serving loop, which explores uniformly in 2 % of decisions for off-policy
evaluation; peers need not. Peers were tuned per world, from CHOSEN_AMONG, on the first six TUNING_SEEDS, ours on all;
none of them is reported. The limit is 1.1 times the better peer's mean regret.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from alphaads_pipelines.bandits.simulator.loop import Player, play
from alphaads_pipelines.bandits.simulator.result import curve, points_of
from alphaads_pipelines.bandits.simulator.stream import Stream
from alphaads_pipelines.bandits.simulator.world import WORLDS
from benchmarks.regret_peers import MABWiser, VowpalWabbit, with_immediate_clicks

LIMIT = 1.1
FIRST_SEED = 101
TUNING_SEEDS = tuple(range(9_001, 9_013))
CHOSEN_AMONG = {
    "vowpal_wabbit": "epsilon 0.02 and 0.05, cover, regcb, regcbopt, softmax, squarecb with gamma scales from 10 to "
    "1,000 and learning rates from 0.25 to 1",
    "mabwiser": "LinUCB and LinTS with alpha from 0.02 to 0.4 and l2 from 0.3 to 100, LinGreedy",
}
VOWPAL_WABBIT = {
    "stationary": "--squarecb --gamma_scale 100 --learning_rate 0.25",
    "drifting": "--squarecb --gamma_scale 300 --learning_rate 0.25",
}
MABWISER = {"stationary": ("LinUCB", 0.05, 10.0), "drifting": ("LinTS", 0.05, 10.0)}
OURS, PEERS = "linucb", ("vowpal_wabbit", "mabwiser")

_RESAMPLED = 10_000


def run(seeds: int = 2, decisions: int = 6_000, workers: int = 2) -> dict[str, Any]:
    """Play each world with `seeds` seeds from FIRST_SEED on. Raises MissingArtifact without the peers."""
    jobs = [(world, decisions, seed) for world in WORLDS for seed in range(FIRST_SEED, FIRST_SEED + seeds)]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawned) as pool:
        played = list(pool.map(regrets, jobs))
    found = {world: [each for job, each in zip(jobs, played, strict=True) if job[0] == world] for world in WORLDS}
    worlds = {world: _world_report(world, decisions, runs) for world, runs in found.items()}
    return {
        "bench": "regret",
        "decisions": decisions,
        "seeds": seeds,
        "worst_ratio": max(each["ratio"] for each in worlds.values()),
        "limit": LIMIT,
        "worlds": worlds,
    }


def regrets(job: tuple[str, int, int]) -> dict[str, Floats]:
    """Regret curves (points,) by player for (world, decisions, seed); `random` is an expectation."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    world, decisions, seed = job
    points = points_of(decisions)
    with threadpool_limits(1):
        stream = Stream.generate(WORLDS[world], decisions, seed)
        curves = {"random": curve(stream.regret_of_random, points)}
        for name, make in _players(world, seed).items():
            played = play(stream if name == OURS else with_immediate_clicks(stream), make())
            curves[name] = curve(played.regret, points)
    return curves


def _players(world: str, seed: int) -> Mapping[str, Callable[[], Player]]:
    policy, alpha, l2 = MABWISER[world]
    return {
        OURS: LinUCBPolicy,
        "vowpal_wabbit": lambda: VowpalWabbit(VOWPAL_WABBIT[world]),
        "mabwiser": lambda: MABWiser(policy, seed, alpha=alpha, l2_lambda=l2),
    }


def _world_report(world: str, decisions: int, runs: Sequence[Mapping[str, Floats]]) -> dict[str, Any]:
    curves = {name: np.array([each[name] for each in runs]) for name in runs[0]}
    totals = {name: each[:, -1] for name, each in curves.items()}
    better = min(PEERS, key=lambda name: float(totals[name].mean()))
    low, high = ratio_interval(totals[OURS], totals[better])
    policy, alpha, l2 = MABWISER[world]
    return {
        "settings": {"vowpal_wabbit": VOWPAL_WABBIT[world], "mabwiser": f"{policy} alpha={alpha:g} l2_lambda={l2:g}"},
        "regret": {name: round(float(each.mean()), 1) for name, each in totals.items()},
        "better_peer": better,
        "ratio": round(float(totals[OURS].mean() / totals[better].mean()), 3),
        "ratio_low": round(low, 3),
        "ratio_high": round(high, 3),
        "by_seed": {name: each.round(1).tolist() for name, each in totals.items()},
        "points": points_of(decisions).tolist(),
        "changes": [round(day / WORLDS[world].days * decisions) for day in WORLDS[world].changes],
        "curves": {name: each.mean(axis=0).round(1).tolist() for name, each in curves.items()},
    }


def ratio_interval(ours: Floats, peers: Floats) -> tuple[float, float]:
    """95 % percentile bootstrap interval of the ratio of means, paired by seed."""
    drawn = np.random.default_rng(0).integers(len(ours), size=(_RESAMPLED, len(ours)))
    low, high = np.quantile(ours[drawn].mean(axis=1) / peers[drawn].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)
