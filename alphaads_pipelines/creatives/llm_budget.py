"""Prices and budgets of language models: calls are admitted at their maximum cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from alphaads_pipelines.errors import ConfigurationError

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million input and output tokens. Raises ConfigurationError if negative or not finite."""

    input_usd: float
    output_usd: float

    def __post_init__(self) -> None:
        if not all(isfinite(each) and each >= 0 for each in (self.input_usd, self.output_usd)):
            raise ConfigurationError("the price of a language model is negative or no number")

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Cost of a call in USD."""
        return (input_tokens * self.input_usd + output_tokens * self.output_usd) / _MILLION


def parse_prices(text: str) -> dict[str, Price]:
    """Parse "model=input/output,...". Raises ConfigurationError if malformed."""
    prices = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        model, _, price = part.rpartition("=")
        try:
            read, written = (float(each) for each in price.split("/"))
        except ValueError as error:
            raise ConfigurationError("prices are written as model=input/output,model=input/output") from error
        if not model.strip():
            raise ConfigurationError("a price names no model")
        prices[model.strip()] = Price(read, written)
    return prices


class LLMBudget:
    """The budget of one run.

    Attributes
    ----------
    unknown_calls: without a response, maybe billed: charged at maximum cost, their tokens uncounted.
    """

    def __init__(self, price: Price, budget_usd: float) -> None:
        self._price, self._budget_usd = price, budget_usd
        self.calls = self.unknown_calls = self.input_tokens = self.output_tokens = 0
        self.usd = 0.0

    def max_cost(self, prompt: str, output_tokens: int) -> float:
        """Upper bound of a call's cost: a text has at most as many tokens as bytes."""
        return self._price.of(len(prompt.encode()), output_tokens)

    def affords(self, usd: float) -> bool:
        """Whether the budget covers `usd` more."""
        return self.usd + usd <= self._budget_usd

    def add(self, input_tokens: int, output_tokens: int) -> float:
        """Charge a call and return its cost."""
        cost = self._price.of(input_tokens, output_tokens)
        self.calls += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.usd += cost
        return cost

    def add_unmetered(self, usd: float) -> None:
        """Charge a call of unknown usage."""
        self.calls += 1
        self.unknown_calls += 1
        self.usd += usd
