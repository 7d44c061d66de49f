"""`bench regret` gives all players the same streams, and peers their clicks without delay."""

from __future__ import annotations

import numpy as np
import pytest

from alphaads_pipelines.bandits.linucb import LinUCBPolicy
from alphaads_pipelines.bandits.simulator.loop import play
from alphaads_pipelines.bandits.simulator.stream import Stream
from alphaads_pipelines.bandits.simulator.world import WORLDS, World
from benchmarks.regret import FIRST_SEED, MABWISER, TUNING_SEEDS, VOWPAL_WABBIT, ratio_interval, regrets, run
from benchmarks.regret_peers import MABWiser, VowpalWabbit, with_immediate_clicks
from tests.nlp.packages import needs

NEEDS_PEERS = needs("mabwiser", "vowpalwabbit")
SMALL = World(creatives=5, people=40, days=8, drift_days=3, swapped=2, replaced=1)


@NEEDS_PEERS
@pytest.mark.parametrize("world", WORLDS)
def test_everybody_plays_the_same_stream_and_regret_only_grows(world: str) -> None:
    curves = regrets((world, 400, 1))
    assert set(curves) == {"random", "linucb", "vowpal_wabbit", "mabwiser"}
    for curve in curves.values():
        assert len(curve) == len(curves["random"])
        assert (np.diff(curve) >= 0).all()


@NEEDS_PEERS
@pytest.mark.parametrize("peer", ["vowpal_wabbit", "mabwiser"])
def test_a_peer_learns_and_takes_arms_that_come_and_go(peer: str) -> None:
    stream = with_immediate_clicks(Stream.generate(SMALL, 3_000, 1))
    player = (
        VowpalWabbit("--squarecb --gamma_scale 100") if peer == "vowpal_wabbit" else MABWiser("LinTS", 1, alpha=0.05)
    )
    played = play(stream, player)
    assert played.regret.sum() < 0.95 * stream.regret_of_random.sum()
    assert ((played.propensities > 0) & (played.propensities <= 1)).all()


def test_peers_are_told_of_each_click_with_its_impression() -> None:
    stream = with_immediate_clicks(Stream.generate(SMALL, 800, 1))
    told: list[tuple[float, float]] = []

    class Noting(LinUCBPolicy):
        def learn(self, outcomes):  # type: ignore[no-untyped-def]
            told.extend(zip(outcomes.weights().tolist(), outcomes.rewards.tolist(), strict=True))
            super().learn(outcomes)

    play(stream, Noting())
    assert {pulls for pulls, _ in told} == {1.0}
    assert sum(rewards for _, rewards in told) > 10


def test_the_reported_seeds_chose_nothing() -> None:
    assert not set(range(FIRST_SEED, FIRST_SEED + 1_000)) & set(TUNING_SEEDS)
    assert set(VOWPAL_WABBIT) == set(MABWISER) == set(WORLDS)


def test_the_interval_of_a_ratio_holds_it() -> None:
    ours, peers = np.array([9.0, 11.0, 10.0, 12.0]), np.array([10.0, 10.0, 11.0, 11.0])
    low, high = ratio_interval(ours, peers)
    assert low < ours.mean() / peers.mean() < high
    assert ratio_interval(ours, ours) == (1.0, 1.0)


@NEEDS_PEERS
def test_the_report_names_the_better_peer_and_the_ratio_to_it() -> None:
    report = run(seeds=1, decisions=150, workers=1)
    assert report["worst_ratio"] == max(world["ratio"] for world in report["worlds"].values())
    for world in report["worlds"].values():
        better = min(("vowpal_wabbit", "mabwiser"), key=world["regret"].__getitem__)
        assert world["better_peer"] == better
        assert world["ratio"] == pytest.approx(world["regret"]["linucb"] / world["regret"][better], abs=0.05)
