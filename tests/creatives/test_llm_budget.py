"""Cost in tokens and USD, and a budget that is never overdrawn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.creatives.llm_budget import LLMBudget, Price, parse_prices
from alphaads_pipelines.errors import ConfigurationError


def test_a_price_is_per_million_tokens() -> None:
    assert Price(1, 5).of(2_000_000, 100_000) == pytest.approx(2.5)


def test_prices_are_read_from_one_line() -> None:
    assert parse_prices(" small=0.5/2 , vendor/large=10/30,") == {
        "small": Price(0.5, 2),
        "vendor/large": Price(10, 30),
    }
    assert parse_prices("") == {}


@pytest.mark.parametrize("wrong", ["small", "small=1", "small=1/2/3", "small=a/b", "=1/2", "small=-1/2", "small=nan/2"])
def test_a_price_nobody_can_read_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigurationError):
        parse_prices(wrong)


def test_known_and_unknown_calls_are_told_apart() -> None:
    budget = LLMBudget(Price(1, 5), 1.0)
    budget.add(1_000, 100)
    budget.add_unmetered(0.25)
    assert (budget.calls, budget.unknown_calls) == (2, 1)
    assert (budget.input_tokens, budget.output_tokens) == (1_000, 100)
    assert budget.usd == pytest.approx(0.2515)


def test_a_letter_of_two_bytes_may_be_two_tokens() -> None:
    assert LLMBudget(Price(1, 0), 1.0).max_cost("né", 10) == pytest.approx(3e-6)


@settings(max_examples=60)
@given(st.floats(0, 0.01), st.lists(st.tuples(st.text(max_size=40), st.floats(0, 1), st.booleans()), max_size=30))
def test_whatever_is_asked_the_budget_holds(limit_usd: float, calls: list[tuple[str, float, bool]]) -> None:
    budget = LLMBudget(Price(3, 15), limit_usd)
    for prompt, used, is_known in calls:
        max_cost = budget.max_cost(prompt, 100)
        if not budget.affords(max_cost):
            continue
        if is_known:
            budget.add(int(len(prompt.encode()) * used), int(100 * used))
        else:
            budget.add_unmetered(max_cost)
    assert budget.usd <= limit_usd
