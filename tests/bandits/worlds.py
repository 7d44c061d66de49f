"""A small world with two moods and three arms, its decisions in the store, and candidates that know it or do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import Engine

from alphaads_pipelines.bandits.base import Outcomes, Policy
from alphaads_pipelines.bandits.context import Floats, vector
from alphaads_pipelines.bandits.linear_thompson import LinearThompsonPolicy
from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from alphaads_pipelines.bandits.policy_store import append_version
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.stores.ad_decisions import add_decisions
from alphaads_pipelines.stores.sql.relational import transaction

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
BEGIN = NOW - timedelta(days=10)
"""Of the decisions; candidates are taught before, unless a test says otherwise."""
ARMS = ("a", "b", "c")
MOODS = ("joy", "anger")
CLICKS = np.array([[0.30, 0.10, 0.10], [0.10, 0.30, 0.10]])
"""How often an arm is clicked in a mood."""


def contexts_of(moods: Floats) -> Floats:
    """The vectors of facts, shape (n, features)."""
    known = np.array([vector({"mood": mood, "placement": "feed"}) for mood in MOODS])
    return np.asarray(known[moods.astype(int)])


def _outcomes(n: int, seed: int, clicks: Floats) -> Outcomes:
    rng = np.random.default_rng(seed)
    moods, arms = rng.integers(0, 2, n), rng.integers(0, 3, n)
    rewards = (rng.random(n) < clicks[moods, arms]).astype(float)
    return Outcomes([ARMS[arm] for arm in arms], contexts_of(moods), rewards)


def who_knows(n: int = 3_000) -> LinearThompsonPolicy:
    """A candidate that learned how the world is."""
    policy = LinearThompsonPolicy()
    policy.learn(_outcomes(n, 1, CLICKS))
    return policy


def who_has_it_wrong() -> LinUCBPolicy:
    """A candidate that learned the opposite."""
    policy = LinUCBPolicy()
    policy.learn(_outcomes(3_000, 2, CLICKS[::-1]))
    return policy


def keep(engine: Engine, policy: Policy, at: datetime = BEGIN - timedelta(days=1)) -> int:
    """Let it have been taught at a time."""
    with transaction(engine) as connection:
        return append_version(connection, policy, at)


def decide(
    engine: Engine,
    n: int = 6_000,
    *,
    policy: Policy | None = None,
    told: float = 1.0,
    role: str = "serving",
    end: datetime = NOW - timedelta(days=2),
    seed: int = 3,
) -> float:
    """Store decisions of a policy, evenly from BEGIN to `end`, all shown; returns the reward per decision.

    Parameters
    ----------
    told: factor of the logged propensities; 1 is honest.
    """
    rng, decider = np.random.default_rng(seed), policy or ThompsonPolicy()
    moods = rng.integers(0, 2, n)
    chosen = decider.choose_many(ARMS, contexts_of(moods), seed)
    clicked = rng.random(n) < CLICKS[moods, chosen.drawn]
    rows, heard = [], {}
    for number in range(n):
        key, at = f"{role}-{seed}-{number}", BEGIN + (end - BEGIN) * number / n
        heard[key] = {"impression": at, **({"click": at} if clicked[number] else {})}
        rows.append(
            {
                **dict.fromkeys(("tenant", "correlation_id", "placement", "campaign_id", "personalisation"), "x"),
                **{"decision_id": key, "subject_id": None, "mood": None, "experiments": {}, "snapshot": "p1"},
                **{"publish_seq": 0, "seed": seed, "policy_version": 0, "policy_role": role, "decided_at": at},
                "arm_id": ARMS[chosen.drawn[number]],
                "context": {"mood": MOODS[moods[number]], "placement": "feed"},
                "eligible": list(ARMS),
                "policy": decider.name,
                "propensity": float(chosen.propensities[number]) * told,
            }
        )
    with transaction(engine) as connection:
        add_decisions(connection, rows, heard)
    return float(clicked.mean())
