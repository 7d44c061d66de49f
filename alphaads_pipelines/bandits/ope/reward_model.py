"""Predict rewards by two-step ridge regression, cross-fitted.

The first step fits weights for features and arms, the second each arm's deviation. Both are shrunk, so a rarely drawn
arm gets the average. A wrong model costs doubly robust estimates only precision if it never saw the record it predicts:
hence the folds (cross-fitting; Chernozhukov et al., Econometrics Journal 21, 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alphaads_pipelines.bandits.ope.logs import Floats, Ints, Log

FOLDS = 5
MOST_TRAINING = 100_000
"""Training records per model, to bound memory."""

_BLOCK = 10_000
_PRIOR, _PRIOR_OF_ARMS = 10.0, 50.0
"""Prior records at weight 0, by step."""


@dataclass(frozen=True)
class RewardModel:
    """A fitted model of k arms in contexts of d numbers.

    Parameters
    ----------
    centre, scale: of the training features, shape (d,).
    weights: intercept and weights of each arm, shape (1 + d, k).
    reward_range: of predictions.
    """

    centre: Floats
    scale: Floats
    weights: Floats
    reward_range: tuple[float, float]

    def predict(self, features: Floats) -> Floats:
        """Expected rewards, shape (n, k), for features (n, d)."""
        design = _design((features - self.centre) / self.scale)
        return np.asarray(np.clip(design @ self.weights, *self.reward_range))


def fit(features: Floats, chosen: Ints, rewards: Floats, arms: int, reward_range: tuple[float, float]) -> RewardModel:
    """Fit n records with features (n, d); without records, predict mid-range."""
    if not len(rewards):
        nothing = np.zeros((1 + features.shape[1], arms))
        nothing[0] = np.mean(reward_range)
        return RewardModel(np.zeros(features.shape[1]), np.ones(features.shape[1]), nothing, reward_range)
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1.0
    design = _design((features - centre) / scale)
    shared, of_arms = _first_step(design, chosen, rewards, arms)
    own = _second_step(design, chosen, rewards - design @ shared - of_arms[chosen], arms)
    own[0] += of_arms
    return RewardModel(centre, scale, own + shared[:, None], reward_range)


def cross_fitted(log: Log, seed: int) -> Iterator[tuple[Ints, Floats]]:
    """Yield each record once: indices (m,) and rewards (m, k) expected by a model that never saw them."""
    random, slots = np.random.default_rng(seed), np.unique(log.positions)
    order = random.permutation(len(log))
    folds = [order[each::FOLDS] for each in range(FOLDS)]
    for each, held_out in enumerate(folds):
        others = np.concatenate(folds[:each] + folds[each + 1 :])[:MOST_TRAINING]
        training = log.take(others)
        features = _features(training, slots)
        model = fit(features, training.chosen, training.rewards, len(log.arms), log.reward_range)
        for start in range(0, len(held_out), _BLOCK):
            rows = held_out[start : start + _BLOCK]
            yield rows, model.predict(_features(log.take(rows), slots))


def _features(log: Log, slots: Ints) -> Floats:
    return np.hstack([log.contexts.astype(float), (log.positions[:, None] == slots[1:]).astype(float)])


def _design(scaled: Floats) -> Floats:
    return np.hstack([np.ones((len(scaled), 1)), scaled])


def _first_step(design: Floats, chosen: Ints, rewards: Floats, arms: int) -> tuple[Floats, Floats]:
    """Weights of design, shape (1 + d,), and arms, shape (k,)."""
    drawn = np.bincount(chosen, minlength=arms)
    of_arm = np.stack([np.bincount(chosen, column, minlength=arms) for column in design.T])
    products = np.block([[design.T @ design, of_arm], [of_arm.T, np.diag(drawn)]])
    penalty = np.full(len(products), _PRIOR)
    penalty[0] = 0.0  # the intercept is not shrunk
    answers = np.r_[design.T @ rewards, np.bincount(chosen, rewards, minlength=arms)]
    weights = np.linalg.solve(products + np.diag(penalty), answers)
    return weights[: design.shape[1]], weights[design.shape[1] :]


def _second_step(design: Floats, chosen: Ints, left: Floats, arms: int) -> Floats:
    """Each arm's deviation, shape (1 + d, k), from the first step's residuals."""
    own = np.zeros((design.shape[1], arms))
    penalty = _PRIOR_OF_ARMS * np.eye(design.shape[1])
    for arm in np.unique(chosen):
        x = design[chosen == arm]
        own[:, arm] = np.linalg.solve(x.T @ x + penalty, x.T @ left[chosen == arm])
    return own
