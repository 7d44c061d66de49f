"""`bench ope`, small: intervals hold the truth as often as they say, where the normal ones do not."""

from __future__ import annotations

import pytest

from alphaads_pipelines.bandits.ope.estimators import ESTIMATORS
from benchmarks import ope
from benchmarks.logged import SHAPES, World


@pytest.mark.parametrize("shape", ["even weights", "heavy weights"])
def test_intervals_of_short_logs_hold_the_truth(shape: str) -> None:
    found = ope.coverage(World(SHAPES[shape]), runs=200, n=500)
    assert list(found) == list(ESTIMATORS)
    for name, each in found.items():
        assert each["coverage"] >= 0.93, name
    if shape != "even weights":
        assert found["ips"]["normal_coverage"] < 0.9
    else:
        assert found["dr"]["median_width"] < 1.1 * found["dr"]["normal_median_width"]
        assert found["dr"]["median_width"] < found["ips"]["median_width"]


def test_worlds_know_their_truth() -> None:
    for shape in SHAPES.values():
        world = World(shape)
        log = world.log(40_000, seed=1)
        assert log.rewards.mean() == pytest.approx(world.truth_of_log, abs=4 * (world.truth_of_log / 40_000) ** 0.5)


def test_it_names_its_limit_and_the_least_coverage() -> None:
    found = ope.run(runs=3, small=50, large=100)
    assert (found["bench"], found["runs"], found["limit"], found["peer"]) == ("ope", 3, 0.93, "normal interval")
    coverages = [
        each["coverage"]
        for world in found["worlds"].values()
        for sizes in world["n"].values()
        for each in sizes.values()
    ]
    assert len(coverages) == len(SHAPES) * 2 * len(ESTIMATORS)
    assert found["least_coverage"] == min(coverages)
