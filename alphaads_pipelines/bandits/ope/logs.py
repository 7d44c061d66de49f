"""Logged decisions and rewards as validated columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.errors import InvalidRequest

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Log:
    """`n` decisions among `k` arms, by the logging policy.

    Parameters
    ----------
    chosen: index of the drawn arm, shape (n,).
    propensities: its probability, above 0, at most 1.
    rewards: within `reward_range`.
    contexts: shape (n, d), known before the draw.
    positions: slot of the page; 0 if there is one.
    eligible: shape (n, k); None: all arms.

    Raises
    ------
    InvalidRequest: a column has the wrong shape or invalid values; the message names record and column.
    """

    arms: tuple[str, ...]
    chosen: Ints
    propensities: Floats
    rewards: Floats
    contexts: NDArray[np.float32]
    positions: Ints
    eligible: NDArray[np.bool_] | None = None
    reward_range: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        n, k = len(self.chosen), len(self.arms)
        shapes = {"propensities": (n,), "rewards": (n,), "positions": (n,), "contexts": (n, self.contexts.shape[-1])}
        for name, shape in {**shapes, "eligible": (n, k)}.items():
            column = getattr(self, name)
            if column is not None and column.shape != shape:
                raise InvalidRequest(f"{name}: shape {column.shape} where {shape} is needed")
        low, high = self.reward_range
        p, r = self.propensities, self.rewards
        _refuse("chosen", "is no arm", (self.chosen < 0) | (self.chosen >= k))
        _refuse("propensities", "must be above 0 and at most 1", ~((p > 0) & (p <= 1)))
        _refuse("rewards", f"must be from {low:g} to {high:g}", ~((r >= low) & (r <= high)))
        _refuse("contexts", "must be finite", ~np.isfinite(self.contexts).all(axis=1))
        if self.eligible is not None:
            _refuse("eligible", "lacks the arm that was drawn", ~self.eligible[np.arange(n), self.chosen])

    def __len__(self) -> int:
        return len(self.chosen)

    def take(self, rows: slice | NDArray[Any]) -> Log:
        """Select records by slice, indices or mask."""
        return Log(
            self.arms,
            self.chosen[rows],
            self.propensities[rows],
            self.rewards[rows],
            self.contexts[rows],
            self.positions[rows],
            None if self.eligible is None else self.eligible[rows],
            self.reward_range,
        )


def _refuse(column: str, why: str, wrong: NDArray[np.bool_] | np.bool_) -> None:
    if wrong.any():
        raise InvalidRequest(f"{column}: record {int(wrong.argmax())} {why}")
