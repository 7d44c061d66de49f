"""`bench policy`: LinUCB's decisions and updates per second on one core, beside Vowpal Wabbit and MABWiser.

All have the same data and training beforehand:

- ours: exact `LinUCBPolicy`; a decision includes its propensity; updates include the next decision, which completes
  them.
- MABWiser: exact LinUCB, in batches, its fastest mode; single decisions are measured too.
- Vowpal Wabbit: `--cb_explore` with an action per arm, one by one, without parsing; a simpler model, as it has no
  LinUCB.

Linear algebra uses one thread; CPU time and alternation limit the influence of other load.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from alphaads_pipelines.bandits.base import Outcomes
from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from alphaads_pipelines.errors import MissingArtifact

GOALS = {"batched_decisions_ratio": 2.0, "single_decisions_ratio": 0.5, "batched_updates_ratio": 3.0}

_EXPLORATION = 0.05


def run(arms: int = 100, features: int = 50, batch: int = 1_000, rounds: int = 15) -> dict[str, Any]:
    """Measure batches of `batch`, and half as many single decisions. Raises MissingArtifact without the peers."""
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    world = _World.made(arms, features, batch)
    with threadpool_limits(1):
        peers = {"ours": _ours(world), "vowpal_wabbit": _vowpal_wabbit(world), "mabwiser": _mabwiser(world)}
        rates = _rates(peers, rounds)
    return {
        "bench": "policy",
        "arms": arms,
        "features": features,
        "batch": batch,
        "rounds": rounds,
        **{f"{task}_per_second": {name: round(rates[task, name]) for name in peers} for task in _TASKS},
        **_ratios(rates),
        "goals": GOALS,
    }


@dataclass(frozen=True, slots=True)
class _World:
    """Shared data: arms, contexts (batch, features), shown arms and their rewards."""

    arms: list[str]
    contexts: Floats
    shown: list[int]
    rewards: Floats

    @classmethod
    def made(cls, arms: int, features: int, batch: int) -> _World:
        dice = np.random.default_rng(7)
        contexts, shown = dice.normal(size=(batch, features)), dice.integers(0, arms, batch)
        truth = dice.normal(size=(arms, features)) / features**0.5
        chance = 1 / (1 + np.exp(3 - (truth[shown] * contexts).sum(axis=1)))
        rewards = (dice.random(batch) < chance).astype(np.float64)
        return cls([f"arm-{each}" for each in range(arms)], contexts, shown.tolist(), rewards)

    @property
    def shown_arms(self) -> list[str]:
        return [self.arms[each] for each in self.shown]


_TASKS = ("batched_decisions", "single_decisions", "batched_updates")
_Timed = tuple[int, Callable[[], object]]
"""Decisions or updates per call, and the call."""


def _ours(world: _World) -> Mapping[str, _Timed]:
    policy, many, few = LinUCBPolicy(features=world.contexts.shape[1], width=1.0), *_sizes(world)
    outcomes = Outcomes(world.shown_arms, world.contexts, world.rewards)

    def update() -> None:
        policy.learn(outcomes)
        policy.choose(world.arms, world.contexts[0], 1)

    update()
    return {
        "batched_decisions": (many, lambda: policy.choose_many(world.arms, world.contexts, 1)),
        "single_decisions": (few, lambda: [policy.choose(world.arms, world.contexts[at], at) for at in range(few)]),
        "batched_updates": (many, update),
    }


def _mabwiser(world: _World) -> Mapping[str, _Timed]:
    try:
        from mabwiser.mab import MAB, LearningPolicy
    except ModuleNotFoundError as error:
        raise MissingArtifact('this benchmark needs the extra "peers"; install it') from error
    many, few = len(world.contexts), 20
    peer = MAB(world.arms, LearningPolicy.LinUCB(alpha=1.0, l2_lambda=1.0), seed=1)
    shown = np.array(world.shown_arms)
    peer.fit(shown, world.rewards, world.contexts)
    return {
        "batched_decisions": (many, lambda: peer.predict(world.contexts)),
        "single_decisions": (few, lambda: [peer.predict(world.contexts[:1]) for _ in range(few)]),
        "batched_updates": (many, lambda: peer.partial_fit(shown, world.rewards, world.contexts)),
    }


def _vowpal_wabbit(world: _World) -> Mapping[str, _Timed]:
    try:
        from vowpalwabbit import Workspace
    except ModuleNotFoundError as error:
        raise MissingArtifact('this benchmark needs the extra "peers"; install it') from error
    many, few = _sizes(world)
    peer = Workspace(f"--quiet --cb_explore {len(world.arms)} --epsilon {_EXPLORATION}")
    texts = ["|c " + " ".join(f"{place}:{value:.6g}" for place, value in enumerate(row)) for row in world.contexts]
    rows = zip(world.shown, world.rewards, texts, strict=True)
    labelled = [f"{shown + 1}:{-reward}:{1 / len(world.arms)} {text}" for shown, reward, text in rows]
    parsed, labelled_examples = [peer.parse(text) for text in texts], [peer.parse(text) for text in labelled]
    for example in labelled_examples:
        peer.learn(example)
    return {
        "batched_decisions": (many, lambda: [peer.predict(example) for example in parsed]),
        "single_decisions": (few, lambda: [peer.predict(example) for example in parsed[:few]]),
        "batched_updates": (many, lambda: [peer.learn(example) for example in labelled_examples]),
    }


def _sizes(world: _World) -> tuple[int, int]:
    return len(world.contexts), max(1, len(world.contexts) // 2)


def _rates(peers: Mapping[str, Mapping[str, _Timed]], rounds: int) -> dict[tuple[str, str], float]:
    """Calls per second by task and library."""
    spent: dict[tuple[str, str], list[float]] = {(task, name): [] for task in _TASKS for name in peers}
    for number in range(rounds + 1):
        for task in _TASKS:
            for name, timed in peers.items():
                size, call = timed[task]
                started = time.process_time()
                call()
                if number:  # round 0 warms up
                    spent[task, name].append((time.process_time() - started) / size)
    return {key: 1 / statistics.median(seconds) for key, seconds in spent.items()}


def _ratios(rates: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Ratios to the faster peer; for single decisions, to Vowpal Wabbit."""

    def ratio(task: str, *peers: str) -> float:
        return round(rates[task, "ours"] / max(rates[task, peer] for peer in peers), 2)

    return {
        "batched_decisions_ratio": ratio("batched_decisions", "vowpal_wabbit", "mabwiser"),
        "single_decisions_ratio": ratio("single_decisions", "vowpal_wabbit"),
        "batched_updates_ratio": ratio("batched_updates", "vowpal_wabbit", "mabwiser"),
    }
