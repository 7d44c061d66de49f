"""The benchmark of policies compares like with like."""

from __future__ import annotations

import numpy as np

from alphaads_pipelines.bandits.base import Outcomes
from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from benchmarks.policy import GOALS, run
from tests.nlp.packages import needs

NEEDS_PEERS = needs("mabwiser", "vowpalwabbit")


@NEEDS_PEERS
def test_every_library_is_measured_at_every_task() -> None:
    report = run(arms=4, features=3, batch=40, rounds=1)
    for task in ("batched_decisions", "single_decisions", "batched_updates"):
        rates = report[f"{task}_per_second"]
        assert set(rates) == {"ours", "vowpal_wabbit", "mabwiser"}
        assert min(rates.values()) > 0
    assert all(report[goal] > 0 for goal in GOALS)


@NEEDS_PEERS
def test_our_linucb_is_the_one_of_mabwiser() -> None:
    """The same bounds, so the same choices, from two pieces of code that know nothing of each other."""
    from mabwiser.mab import MAB, LearningPolicy

    dice, arms = np.random.default_rng(1), [f"arm-{each}" for each in range(6)]
    peer, policy = MAB(arms, LearningPolicy.LinUCB(alpha=0.8, l2_lambda=1.0)), LinUCBPolicy(features=5, width=0.8)
    for step in range(3):
        shown, contexts = dice.choice(arms, 90), dice.normal(size=(90, 5))
        rewards = dice.integers(0, 2, 90).astype(float)
        (peer.partial_fit if step else peer.fit)(shown, rewards, contexts)
        policy.learn(Outcomes(shown.tolist(), contexts, rewards))
    asked = dice.normal(size=(200, 5))
    best = policy.distributions(arms, asked, 1).argmax(axis=1)
    assert [arms[each] for each in best] == peer.predict(asked)
