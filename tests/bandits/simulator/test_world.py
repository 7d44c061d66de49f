"""The simulated world: its truth is a function of the facts, changes on the given days, and is fixed by a seed."""

from __future__ import annotations

import hashlib
import math
import subprocess
import sys
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from alphaads_pipelines.bandits.context import vector
from alphaads_pipelines.bandits.simulator.people import People
from alphaads_pipelines.bandits.simulator.stream import Stream
from alphaads_pipelines.bandits.simulator.truth import Truth, feature_row
from alphaads_pipelines.bandits.simulator.world import CLEAN, WORLDS, World
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS

SMALL = World(creatives=5, people=40, days=8)
DRIFTING = msgspec.structs.replace(SMALL, drift_days=3, swapped=2, replaced=1)

_FINGERPRINT = """
from tests.bandits.simulator.test_world import fingerprint
print(fingerprint(5), end="")
"""


def fingerprint(seed: int) -> str:
    """Of everything a stream holds."""
    stream = Stream.generate(DRIFTING, 300, seed)
    held = hashlib.blake2b(repr((stream.facts, stream.arms)).encode())
    for column in (stream.at, stream.contexts, stream.chances, stream.coins, stream.reports.click, stream.until):
        held.update(column.tobytes())
    return held.hexdigest()


def test_a_seed_is_the_same_stream_in_another_process_and_another_seed_another() -> None:
    told = subprocess.run([sys.executable, "-c", _FINGERPRINT], capture_output=True, text=True, check=True)
    assert told.stdout == fingerprint(5) != fingerprint(6)


def test_the_chance_of_a_click_is_logistic_in_the_logged_facts() -> None:
    stream, truth = Stream.generate(DRIFTING, 200, 1), Truth.generate(DRIFTING, 1)
    for place in range(0, 200, 10):
        phase = truth.phases[stream.phase[place]]
        row = np.array(feature_row(stream.facts[place]))
        for arm in range(5):
            odds = truth.level + row @ truth.shared + row @ phase.own[arm]
            assert stream.chances[place, arm] == pytest.approx(1 / (1 + math.exp(-odds)))
        assert stream.contexts[place].tolist() == vector(stream.facts[place]).tolist()


def test_the_truth_changes_on_its_days_and_only_where_it_is_told_to() -> None:
    assert [len(Truth.generate(world, 1).phases) for world in (SMALL, DRIFTING)] == [1, 3]
    truth = Truth.generate(DRIFTING, 1)
    assert [phase.day for phase in truth.phases] == [0, 3, 6]
    for before, after in pairwise(truth.phases):
        moved = np.flatnonzero((before.own != after.own).any(axis=1))
        fresh = [place for place in moved if before.arms[place] != after.arms[place]]
        swapped = [place for place in moved if place not in fresh]
        assert (len(fresh), len(swapped)) == (1, 2)
        assert sorted(map(tuple, before.own[swapped])) == sorted(map(tuple, after.own[swapped]))
        assert len(set(after.arms)) == 5
    stream = Stream.generate(DRIFTING, 500, 1)
    assert (stream.phase == np.minimum(stream.at // 86_400 // 3, 2)).all()


def test_no_step_of_learning_lies_across_a_change() -> None:
    stream = Stream.generate(DRIFTING, 500, 1)
    assert (stream.steps[0], stream.steps[-1]) == (0, 500)
    for first, last in pairwise(stream.steps):
        assert len(set(stream.phase[first:last])) <= 1


def test_moods_move_and_hold_and_follow_the_tastes_of_the_segment() -> None:
    people = People.generate(msgspec.structs.replace(SMALL, people=200, days=28), 1)
    known = people.moods[:-1] >= 0
    stays = (people.moods[1:] == people.moods[:-1])[known].mean()
    assert 0.9 < stays < 0.999
    assert set(np.unique(people.moods)) <= {-1, *range(len(EMOTIONS))}
    assert len(np.unique(people.moods[-1])) > 3
    np.testing.assert_allclose(people.shares[-1].sum(axis=1), 1.0, atol=1e-5)
    means = np.array([people.shares[-1][people.segment == segment].mean(axis=0) for segment in range(5)])
    assert np.abs(means - means.mean(axis=0)).max() > 0.1


def test_reports_are_lost_late_and_doubled_as_often_as_the_world_says() -> None:
    stream = Stream.generate(SMALL, 20_000, 1)
    reports = stream.reports
    for share, due in (
        (1 - reports.is_seen.mean(), 0.1),
        (np.isinf(reports.impression).mean(), 0.03),
        (np.isfinite(reports.click_again).mean(), 0.05),
        ((reports.clicked_at - stream.at > 86_400).mean(), 1 / 180),
    ):
        assert share == pytest.approx(due, rel=0.25)
    assert np.median(reports.clicked_at - reports.shown_at) == pytest.approx(300, rel=0.1)
    assert (np.diff(reports.impression[np.isfinite(reports.impression)]) < 0).mean() > 0.05, "order is lost"
    clean = Stream.generate(msgspec.structs.replace(SMALL, reporting=CLEAN), 300, 1).reports
    np.testing.assert_array_equal(clean.click, clean.clicked_at)
    assert np.isinf(clean.click_again).all()


def test_of_some_decisions_only_moment_and_placement_are_known() -> None:
    stream = Stream.generate(SMALL, 2_000, 1)
    nameless = [facts for facts in stream.facts if "segment" not in facts]
    assert len(nameless) == pytest.approx(300, rel=0.25)
    assert all(set(facts) == {"hour", "weekday", "placement"} for facts in nameless)


@pytest.mark.parametrize(
    "wrong",
    [
        {"creatives": 0},
        {"days": 0},
        {"people": 0},
        {"learn_hours": 5},
        {"learn_hours": 0},
        {"drift_days": 2, "swapped": 4, "replaced": 2},
    ],
)
def test_a_world_that_cannot_be_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidRequest):
        Stream.generate(msgspec.structs.replace(SMALL, **wrong), 10, 1)


def test_the_known_worlds_can_be() -> None:
    for world in WORLDS.values():
        world.check()
    assert WORLDS["drifting"].changes == [14, 28, 42]
