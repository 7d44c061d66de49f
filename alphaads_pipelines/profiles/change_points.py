"""Change points: lasting changes in a person's mix of emotions.

Optimal partitioning (Jackson et al., IEEE Signal Processing Letters 12(2), 2005) minimises twice the negative
multinomial log-likelihood of each segment's pooled counts, plus (d + 2) ln n per cut, for n posts with d + 1 emotions:
a cut spends d free shares and a place, and a place found by search costs more than one parameter (modified criterion of
Zhang and Siegmund, Biometrics 63(1), 2007). Deterministic; ties go to the later cut.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

LEAST_POSTS = 5
"""Minimum posts per segment."""


def change_points(counts: Counts) -> list[int]:
    """Rows at which another segment begins, ascending; counts are posts, shape (moments, emotions)."""
    summed = np.vstack([np.zeros((1, counts.shape[1]), np.int64), counts.cumsum(axis=0)])
    posts = summed.sum(axis=1)
    if posts[-1] < 2 * LEAST_POSTS:
        return []
    penalty = (np.count_nonzero(summed[-1]) + 1) * np.log(posts[-1])
    x_log_x = np.arange(posts[-1] + 1, dtype=np.float64)
    x_log_x[1:] *= np.log(x_log_x[1:])
    best = np.full(len(summed), np.inf)
    best[0] = -penalty
    cut = np.zeros(len(summed), np.int64)
    for end in range(1, len(summed)):
        starts = np.searchsorted(posts, posts[end] - LEAST_POSTS, side="right")
        if starts == 0:
            continue
        inside = summed[end] - summed[:starts]
        likelihood = x_log_x[inside].sum(axis=1) - x_log_x[posts[end] - posts[:starts]]
        costs = best[:starts] - 2.0 * likelihood + penalty
        cut[end] = starts - 1 - costs[::-1].argmin()
        best[end] = costs[cut[end]]
    return _walk_back(cut)


def _walk_back(cut: Counts) -> list[int]:
    places: list[int] = []
    at = int(cut[-1])
    while at > 0:
        places.append(at)
        at = int(cut[at])
    return places[::-1]
