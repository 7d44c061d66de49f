"""Changes are where another mix begins, and nowhere else."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy

from alphaads_pipelines.profiles.change_points import LEAST_POSTS, change_points
from alphaads_pipelines.schema.tables import EMOTIONS

STEADY = ([0.5, 0.3, 0.2, 0, 0, 0, 0], [0.6, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05], [1 / 7] * 7)


def _draw(dice: np.random.Generator, shares: list[float], moments: int) -> np.ndarray:
    return np.array([dice.multinomial(1 + dice.poisson(1.0), shares) for _ in range(moments)], np.int64)


def _cost(counts: np.ndarray, cuts: tuple[int, ...]) -> float:
    """The stated cost of these cuts, computed independently."""
    posts = counts.sum()
    penalty = (np.count_nonzero(counts.sum(axis=0)) + 1) * np.log(posts)
    total = penalty * len(cuts)
    for start, end in pairwise((0, *cuts, len(counts))):
        pooled = counts[start:end].sum(axis=0)
        if pooled.sum() < LEAST_POSTS:
            return np.inf
        total -= 2 * float(xlogy(pooled, pooled / pooled.sum()).sum())
    return total


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=8))
def test_no_other_cuts_cost_less(rows: list[list[int]]) -> None:
    counts = np.array(rows, np.int64)
    found = tuple(change_points(counts))
    if counts.sum() < 2 * LEAST_POSTS:
        assert found == ()
        return
    places = range(1, len(counts))
    all_ways = [cuts for number in range(len(counts)) for cuts in combinations(places, number)]
    assert _cost(counts, found) == pytest.approx(min(_cost(counts, cuts) for cuts in all_ways))


def test_a_planted_change_is_found_where_it_is() -> None:
    joyful, angry = [[0, 0, 0, 3, 1, 0, 0]] * 12, [[3, 0, 0, 0, 1, 0, 0]] * 12
    assert change_points(np.array(joyful + angry)) == [12]
    assert change_points(np.array(joyful + angry + joyful)) == [12, 24]


def test_a_steady_mix_rarely_seems_to_change() -> None:
    dice = np.random.default_rng(7)
    found = [
        change_points(_draw(dice, shares, moments)) for shares in STEADY for moments in (15, 60) for _ in range(40)
    ]
    assert sum(map(bool, found)) <= 0.05 * len(found)


def test_a_change_among_chance_is_found_near_its_place() -> None:
    dice = np.random.default_rng(8)
    before, after = [0.1, 0, 0, 0.7, 0.2, 0, 0], [0.6, 0, 0, 0.1, 0.2, 0, 0]
    places = [change_points(np.vstack([_draw(dice, before, 30), _draw(dice, after, 30)])) for _ in range(30)]
    assert sum(len(each) == 1 and abs(each[0] - 30) <= 3 for each in places) >= 25


@pytest.mark.parametrize("rows", [0, 1, 4])
def test_too_few_posts_say_nothing(rows: int) -> None:
    assert change_points(np.eye(len(EMOTIONS), dtype=np.int64)[:rows]) == []
