"""Ridge regressions, one per arm, stacked so that a decision is two matrix products.

Each arm keeps G = sum of x x' and b = sum of r x. Derived are the inverse of A = ridge I + G, for the uncertainty, and
theta = A^-1 (b + ridge prior). Few new contexts of an arm update its inverse by Woodbury's identity (Hager, SIAM Review
31(2), 1989), many cause an inversion. A state holds only G and b.

x' A^-1 x is the dot product of the upper triangles of A^-1, off-diagonals doubled, and of x x': one matrix product for
all arms and contexts, at half the work of the quadratic form.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from alphaads_pipelines.bandits.context import Floats

_CHUNK = 256
_LINE = 8
"""Numbers in a cache line, to which packed triangles are zero-padded for faster products."""
_AT_ONCE, _ARMS_AT_ONCE = 8, 16
"""Contexts and arms per step, to fit the cache."""
_UNSEEN = 0
"""Row of an arm without data."""


class Ridge:
    """Linear reward models by arm.

    Parameters
    ----------
    features: length of a context. ridge: weight of the prior, in squared contexts.
    """

    def __init__(self, features: int, ridge: float = 1.0) -> None:
        self.features, self.ridge = features, ridge
        self.prior: Floats = np.zeros(features)
        self._upper = np.triu_indices(features)
        self._left, self._right = (np.pad(places, (0, -len(places) % _LINE)) for places in self._upper)
        self._multiplicity: Floats = np.where(self._left == self._right, 1.0, 2.0)
        self._multiplicity[len(self._upper[0]) :] = 0.0
        self._buffers: list[Floats] = []  # scratch space that threads take and return: allocation is expensive
        self._rows: dict[str, int] = {}
        self._grams: Floats = np.zeros((1, features, features))
        self._moments: Floats = np.zeros((1, features))
        self._cached: tuple[list[str], Floats, Floats] | None = None
        self.mark_stale()

    def add(self, arms: Sequence[str], contexts: Floats, pulls: Floats, rewards: Floats) -> None:
        """Learn from contexts (n, features) of n arms; pulls and rewards have shape (n,)."""
        rows = self._rows_of(arms)
        order = np.argsort(rows, kind="stable")
        contexts, pulls, rewards = contexts[order], pulls[order], rewards[order]
        present, starts, counts = np.unique(rows[order], return_index=True, return_counts=True)
        weighted = contexts if (pulls == 1).all() else contexts * pulls[:, None]
        for row, start, count in zip(present.tolist(), starts.tolist(), counts.tolist(), strict=True):
            its = slice(start, start + count)
            self._grams[row] += contexts[its].T @ weighted[its]
            self._moments[row] += rewards[its] @ contexts[its]
        self._cached = None
        is_few = (counts <= self.features // 2) & ~self._is_stale[present]
        self._is_stale[present[~is_few]] = True
        in_few = np.repeat(is_few, counts)
        self._update_inverses(present[is_few], counts[is_few], contexts[in_few] * np.sqrt(pulls[in_few])[:, None])

    def scores(self, arms: Sequence[str], contexts: Floats) -> tuple[Floats, Floats]:
        """Expected reward and x' A^-1 x of each arm in contexts (n, features), both (n, len(arms))."""
        theta, inverses = self._coefficients_of(arms)
        if len(contexts) == 1:
            return (theta @ contexts[0])[None], (inverses @ self._squared(contexts[0]))[None]
        spreads = np.empty((len(contexts), len(arms)))
        buffer = self._buffers.pop() if self._buffers else np.zeros((len(self._multiplicity), _CHUNK))
        for start in range(0, len(contexts), _CHUNK):
            chunk = contexts[start : start + _CHUNK]
            squares = self._squares(chunk, buffer[:, : len(chunk)])
            spreads[start : start + _CHUNK] = (inverses @ squares).T
        self._buffers.append(buffer)
        return contexts @ theta.T, spreads

    def inform(self, weight: float) -> None:
        """Make the pooled coefficients the prior of each arm, with this weight."""
        pooled = np.eye(self.features) + self._grams.sum(axis=0)
        self.prior = np.linalg.solve(pooled, self._moments.sum(axis=0))
        self.ridge = weight
        self.mark_stale()

    def discount(self, factor: float) -> None:
        """Multiply every sum by `factor`; the prior's weight stays."""
        self._grams *= factor
        self._moments *= factor
        self.mark_stale()

    def keep_only(self, arms: Collection[str]) -> None:
        """Forget all other arms."""
        kept = {arm: row for arm, row in self._rows.items() if arm in arms}
        rows = [_UNSEEN, *kept.values()]
        self._grams, self._moments = self._grams[rows], self._moments[rows]
        self._rows = {arm: place for place, arm in enumerate(kept, 1)}
        self.mark_stale()

    def sums(self) -> dict[str, Floats]:
        """b and the upper triangle of G by arm, sorted by name."""
        upper = self._grams[:, *self._upper]
        return {arm: np.concatenate([self._moments[row], upper[row]]) for arm, row in sorted(self._rows.items())}

    def restore(self, sums: Mapping[str, Floats]) -> None:
        """Load `sums`. Raises ValueError for another length."""
        stacked = np.array([np.zeros(self.features + len(self._upper[0])), *sums.values()])
        self._rows = {arm: place for place, arm in enumerate(sums, 1)}
        self._moments = stacked[:, : self.features].copy()
        self._grams = np.zeros((len(stacked), self.features, self.features))
        self._grams[:, *self._upper] = stacked[:, self.features :]
        self.mark_stale()

    def mark_stale(self) -> None:
        """Recompute from the sums on next use, so that rounding errors do not accumulate.

        Products round the two sides of a symmetric matrix differently; the upper one, which `sums` exports, prevails.
        """
        self._grams = np.triu(self._grams) + np.triu(self._grams, 1).transpose(0, 2, 1)
        self._is_stale: NDArray[np.bool_] = np.ones(len(self._grams), dtype=bool)
        self._inverses: Floats = np.empty_like(self._grams)
        self._theta: Floats = np.empty_like(self._moments)
        self._packed: Floats = np.empty((len(self._grams), len(self._multiplicity)))
        self._cached = None

    def refresh(self) -> None:
        """Recompute stale values now."""
        rows = np.flatnonzero(self._is_stale)
        if len(rows):
            whole = self.ridge * np.eye(self.features) + self._grams[rows]
            self._derive(rows, np.asarray(np.linalg.inv(whole), dtype=np.float64))
            self._is_stale[rows] = False

    def _rows_of(self, arms: Sequence[str]) -> NDArray[np.intp]:
        new = [arm for arm in dict.fromkeys(arms) if arm not in self._rows]
        if new:
            self._rows |= {arm: place for place, arm in enumerate(new, len(self._grams))}
            self.refresh()
            for name in ("_grams", "_moments", "_inverses", "_theta", "_packed", "_is_stale"):
                rows = getattr(self, name)
                setattr(self, name, np.concatenate([rows, np.repeat(rows[:1], len(new), axis=0)]))
        return np.array([self._rows[arm] for arm in arms], dtype=np.intp)

    def _update_inverses(self, rows: NDArray[np.intp], counts: NDArray[np.intp], contexts: Floats) -> None:
        """Update inverses by new contexts, grouped by arm.

        Arms with similar numbers of contexts share a block, to limit padding.
        """
        starts, order = counts.cumsum() - counts, np.argsort(-counts, kind="stable")
        for first in range(0, len(rows), _ARMS_AT_ONCE):
            block = order[first : first + _ARMS_AT_ONCE]
            self._update_block(rows[block], starts[block], counts[block], contexts)

    def _update_block(
        self, rows: NDArray[np.intp], starts: NDArray[np.intp], counts: NDArray[np.intp], contexts: Floats
    ) -> None:
        """A^-1 - W' (I + W U')^-1 W with W = U A^-1, where U is an arm's next contexts, zero-padded.

        Parameters
        ----------
        starts: index of each arm's first context. counts: descending.
        """
        inverses, most = self._inverses[rows], int(counts[0])
        for first in range(0, most, _AT_ONCE):
            arms = int((counts > first).sum())
            places = np.arange(first, min(first + _AT_ONCE, most))
            at = np.minimum(starts[:arms, None] + places, len(contexts) - 1)
            new = contexts[at] * (places < counts[:arms, None])[:, :, None]
            projected = new @ inverses[:arms]
            inner = np.linalg.inv(np.eye(len(places)) + projected @ new.transpose(0, 2, 1))
            inverses[:arms] -= projected.transpose(0, 2, 1) @ (inner @ projected)
        self._derive(rows, inverses)

    def _derive(self, rows: NDArray[np.intp], inverses: Floats) -> None:
        self._inverses[rows] = inverses
        moments = self._moments[rows] + self.ridge * self.prior
        self._theta[rows] = (inverses @ moments[:, :, None])[:, :, 0]
        self._packed[rows] = inverses[:, self._left, self._right] * self._multiplicity

    def _coefficients_of(self, arms: Sequence[str]) -> tuple[Floats, Floats]:
        """Coefficients and packed inverses, cached for repeated arms."""
        cached = self._cached
        if cached is None or cached[0] != arms:
            self.refresh()
            rows = [self._rows.get(arm, _UNSEEN) for arm in arms]
            cached = (list(arms), self._theta[rows], self._packed[rows])
            self._cached = cached
        return cached[1], cached[2]

    def _squared(self, context: Floats) -> Floats:
        squared: Floats = context.take(self._left) * context.take(self._right)
        return squared

    def _squares(self, contexts: Floats, buffer: Floats) -> Floats:
        """Upper triangles of x x' in the columns of `buffer`; by feature is cheaper than gathering."""
        columns, at = np.ascontiguousarray(contexts.T), 0
        for feature in range(self.features):
            length = self.features - feature
            np.multiply(columns[feature:], columns[feature], out=buffer[at : at + length])
            at += length
        return buffer
