"""What was decided and what came of it, as columns; checked once, so that no estimator has to."""

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
    """`n` decisions among `k` arms, by whatever policy served.

    Parameters
    ----------
    arms: the names of the k arms.
    chosen: shape (n,), the index of the arm that was drawn.
    propensities: shape (n,), the probability with which it was drawn; above 0, at most 1.
    rewards: shape (n,), within `reward_range`.
    contexts: shape (n, d), what was known before the draw, as numbers.
    positions: shape (n,), the slot of the page; 0 where there is but one.
    eligible: shape (n, k), which arms could be drawn; None: all of them.
    reward_range: the least and the most that one decision can earn.

    Raises
    ------
    InvalidRequest: a column does not fit the others or holds what cannot be; the message names record and column.
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
        """The log of some records: a slice, indices or a mask."""
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
