"""Ridge regressions against the plain formulas, whatever way the inverses came about."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.bandits.context import Floats
from alphaads_pipelines.bandits.ridge import Ridge

ARMS = ["a", "b", "c"]
FEATURES = 7


class Seen(NamedTuple):
    """Learned outcomes."""

    arms: list[str]
    contexts: Floats
    pulls: Floats
    rewards: Floats

    def part(self, places: Floats) -> Seen:
        arms = [self.arms[int(place)] for place in places]
        return Seen(arms, self.contexts[places], self.pulls[places], self.rewards[places])


def _seen(n: int, seed: int, features: int = FEATURES) -> Seen:
    dice = np.random.default_rng(seed)
    contexts, pulls = dice.normal(size=(n, features)), dice.integers(0, 3, n).astype(float)
    return Seen(dice.choice(ARMS[:2], n).tolist(), contexts, pulls, dice.integers(0, 2, n).astype(float))


def _plain(seen: Seen, arm: str, context: Floats, prior: Floats, weight: float) -> tuple[float, float]:
    """Expected reward and x' A^-1 x, by the book."""
    its = np.array([each == arm for each in seen.arms], dtype=bool)
    whole = weight * np.eye(len(context)) + (seen.contexts[its].T * seen.pulls[its]) @ seen.contexts[its]
    theta = np.linalg.solve(whole, seen.rewards[its] @ seen.contexts[its] + weight * prior)
    return float(context @ theta), float(context @ np.linalg.solve(whole, context))


def _agrees(ridge: Ridge, seen: Seen) -> None:
    contexts = np.random.default_rng(9).normal(size=(3, ridge.features))
    for rows in (contexts, contexts[:1]):
        means, spreads = ridge.scores(ARMS, rows)
        for place, context in enumerate(rows):
            plain = [_plain(seen, arm, context, ridge.prior, ridge.ridge) for arm in ARMS]
            assert means[place] == pytest.approx([mean for mean, _ in plain], abs=1e-9)
            assert spreads[place] == pytest.approx([spread for _, spread in plain], abs=1e-9)


@settings(max_examples=40)
@given(st.integers(0, 60), st.integers(1, 8), st.integers(0, 10**6), st.sampled_from([0.5, 1.0, 3.0]))
def test_any_grouping_and_order_agrees_with_the_formulas(n: int, parts: int, seed: int, weight: float) -> None:
    seen, ridge = _seen(n, seed), Ridge(FEATURES, weight)
    for part in np.array_split(np.random.default_rng(seed).permutation(n), parts):
        ridge.add(*seen.part(part))
        ridge.scores(ARMS, np.ones((1, FEATURES)))
    _agrees(ridge, seen)


@pytest.mark.parametrize("each", [1, 3, 9, 20, 200])
def test_few_and_many_contexts_at_once_agree_with_the_formulas(each: int) -> None:
    seen, ridge = _seen(200, 3, features=40), Ridge(40)
    for start in range(0, 200, each):
        ridge.add(*seen.part(np.arange(start, min(start + each, 200))))
        ridge.refresh()
    _agrees(ridge, seen)


def test_rounding_does_not_pile_up() -> None:
    seen, ridge = _seen(2_000, 4), Ridge(FEATURES)
    ridge.refresh()
    for place in range(2_000):
        ridge.add(*seen.part(np.array([place])))
    _agrees(ridge, seen)
    context = np.ones((1, FEATURES))
    apart = ridge.scores(ARMS, context)
    ridge.mark_stale()
    for told, fresh in zip(apart, ridge.scores(ARMS, context), strict=True):
        assert told == pytest.approx(fresh, abs=1e-12)


def test_many_contexts_are_told_as_one_is() -> None:
    ridge, contexts = Ridge(FEATURES), np.random.default_rng(1).normal(size=(600, FEATURES))
    ridge.add(*_seen(100, 5))
    means, spreads = ridge.scores(ARMS, contexts)
    for place in (0, 255, 256, 599):
        mean, spread = ridge.scores(ARMS, contexts[place : place + 1])
        assert (means[place], spreads[place]) == (pytest.approx(mean[0]), pytest.approx(spread[0]))


def test_an_arm_is_told_by_its_name_whoever_is_offered_with_it() -> None:
    ridge, context = Ridge(FEATURES), np.ones((1, FEATURES))
    ridge.add(*_seen(50, 6))
    means = dict(zip(ARMS, ridge.scores(ARMS, context)[0][0], strict=True))
    for offered in (["b"], ["c", "b"], ["b", "a"], ARMS):
        assert ridge.scores(offered, context)[0][0] == pytest.approx([means[arm] for arm in offered])


def test_sums_come_back() -> None:
    ridge, again = Ridge(FEATURES), Ridge(FEATURES)
    ridge.add(*_seen(50, 7))
    ridge.mark_stale()
    again.restore(ridge.sums())
    context = np.ones((1, FEATURES))
    for told, kept in zip(ridge.scores(ARMS, context), again.scores(ARMS, context), strict=True):
        assert told.tolist() == kept.tolist(), "to the last bit"
    with pytest.raises(ValueError, match=r"shape|broadcast"):
        Ridge(FEATURES + 1).restore(ridge.sums())


def test_a_discount_weighs_the_sums_and_not_the_prior() -> None:
    seen, ridge = _seen(50, 8), Ridge(FEATURES)
    ridge.add(*seen)
    ridge.discount(0.25)
    _agrees(ridge, seen._replace(pulls=seen.pulls / 4, rewards=seen.rewards / 4))


def test_arms_that_are_not_kept_are_new() -> None:
    seen, ridge = _seen(50, 8), Ridge(FEATURES)
    ridge.add(*seen)
    ridge.keep_only(["b"])
    _agrees(ridge, seen.part(np.flatnonzero([arm == "b" for arm in seen.arms])))
    assert list(ridge.sums()) == ["b"]


def test_what_fits_all_arms_together_may_be_expected_of_each() -> None:
    seen, ridge = _seen(80, 2), Ridge(FEATURES)
    ridge.add(*seen)
    ridge.inform(7.0)
    whole = np.eye(FEATURES) + (seen.contexts.T * seen.pulls) @ seen.contexts
    assert ridge.prior == pytest.approx(np.linalg.solve(whole, seen.rewards @ seen.contexts))
    assert ridge.ridge == 7.0
    _agrees(ridge, seen)
