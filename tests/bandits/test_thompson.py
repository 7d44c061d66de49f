"""Thompson sampling against figures worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import pytest

from alphaads_pipelines.bandits.thompson import DRAWS, EXPLORATION, ThompsonPolicy


def _taught(**arms: tuple[int, int]) -> ThompsonPolicy:
    policy = ThompsonPolicy()
    policy.update(arms)
    return policy


def test_the_posterior_is_one_more_than_the_counts() -> None:
    policy = _taught(a=(10, 3))
    assert policy.posterior("a") == (4.0, 8.0)
    assert policy.posterior("never seen") == (1.0, 1.0)
    policy.update({"a": (2, 2)})
    assert policy.posterior("a") == (6.0, 8.0)


def _is_better(alpha: int, beta: int) -> float:
    """P(X > U) for X of Beta(alpha, beta), U uniform on 0 to 1: the mean of X."""
    return alpha / (alpha + beta)


def test_propensities_are_the_chance_to_be_best_with_exploration_mixed_in() -> None:
    policy = _taught(a=(3, 2))
    wanted = (1 - EXPLORATION) * _is_better(3, 2) + EXPLORATION / 2
    seeds = 100
    average = sum(policy.propensities(["a", "new"], {}, seed)[0] for seed in range(seeds)) / seeds
    assert average == pytest.approx(wanted, abs=4 * (0.25 / (DRAWS * seeds)) ** 0.5)


def _beta(x: int, y: int) -> Fraction:
    return Fraction(factorial(x - 1) * factorial(y - 1), factorial(x + y - 1))


def _is_first_better(first: tuple[int, int], second: tuple[int, int]) -> Fraction:
    """P(Beta(first) > Beta(second)) for whole numbers; Miller, "Formulas for Bayesian A/B Testing" (2015), eq. 1."""
    (a, b), (c, d) = first, second
    return sum((_beta(c + i, b + d) / ((b + i) * _beta(1 + i, b) * _beta(c, d)) for i in range(a)), Fraction(0))


def test_two_learned_arms_meet_the_closed_form() -> None:
    chance = _is_first_better((3, 5), (2, 6))
    assert chance == 1 - _is_first_better((2, 6), (3, 5)) == Fraction(103, 143)
    policy, seeds = _taught(a=(6, 2), b=(6, 1)), 100
    average = sum(policy.propensities(["a", "b"], {}, seed)[0] for seed in range(seeds)) / seeds
    assert average == pytest.approx((1 - EXPLORATION) * float(chance) + EXPLORATION / 2, abs=0.01)


def test_exploration_keeps_a_hopeless_arm_alive() -> None:
    policy = _taught(good=(10_000, 5_000), hopeless=(10_000, 1))
    propensities = policy.propensities(["good", "hopeless"], {}, 3)
    assert propensities.tolist() == pytest.approx([1 - EXPLORATION / 2, EXPLORATION / 2])
