"""What calls of a language model cost, and a budget that holds: each call is reserved at its dearest before it is made.

A call whose answer never came may have been billed; it counts as what was reserved for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from alphaads_pipelines.errors import ConfigurationError

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens read and written.

    Raises
    ------
    ConfigurationError: a price is negative or no number.
    """

    input_usd: float
    output_usd: float

    def __post_init__(self) -> None:
        if not all(isfinite(each) and each >= 0 for each in (self.input_usd, self.output_usd)):
            raise ConfigurationError("the price of a language model is negative or no number")

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Cost in USD."""
        return (input_tokens * self.input_usd + output_tokens * self.output_usd) / _MILLION


def parse_prices(text: str) -> dict[str, Price]:
    """Prices by model from "model=input/output,...", in USD per million tokens.

    Raises
    ------
    ConfigurationError: a part is not of that form.
    """
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
    """The account of one run.

    Attributes
    ----------
    calls, input_tokens, output_tokens, usd: so far. unknown_calls: those of them whose usage nobody told us; their
    cost is in `usd` at its dearest, their tokens are not counted.
    """

    def __init__(self, price: Price, budget_usd: float) -> None:
        self._price, self._budget_usd = price, budget_usd
        self.calls = self.unknown_calls = self.input_tokens = self.output_tokens = 0
        self.usd = 0.0

    def max_cost(self, prompt: str, output_tokens: int) -> float:
        """Most that a call can cost, in USD: no tokeniser makes more tokens than a text has bytes."""
        return self._price.of(len(prompt.encode()), output_tokens)

    def affords(self, usd: float) -> bool:
        """Whether so much is left of the budget."""
        return self.usd + usd <= self._budget_usd

    def add(self, input_tokens: int, output_tokens: int) -> float:
        """Book a call whose usage is known; its cost in USD."""
        cost = self._price.of(input_tokens, output_tokens)
        self.calls += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens
        self.usd += cost
        return cost

    def add_unmetered(self, usd: float) -> None:
        """Book a call that may have been billed."""
        self.calls += 1
        self.unknown_calls += 1
        self.usd += usd
