"""What an arm would earn in a context: ridge regression in two steps, fitted to records it does not judge.

The first step has a weight for each feature and each arm; the second lets each arm differ from that by weights of its
own. Both are shrunk, so an arm that was hardly drawn gets what arms get on average. A wrong model costs doubly robust
estimates their precision and nothing else, as long as it never saw the record it is used for: hence the folds
(cross-fitting; Chernozhukov et al., Double/debiased machine learning, Econometrics Journal 21, 2018).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from alphaads_pipelines.bandits.ope.logs import Floats, Ints, Log

FOLDS = 5
MOST_TRAINING = 100_000
"""Records that a model is fitted to at most, so that a long log costs no more memory than itself."""

_BLOCK = 10_000
_PRIOR, _PRIOR_OF_ARMS = 10.0, 50.0
"""How many records the belief is worth that a weight is 0, in the first and in the second step."""


@dataclass(frozen=True)
class RewardModel:
    """A fitted model of the rewards of k arms in contexts of d numbers.

    Parameters
    ----------
    centre, scale: shape (d,), of the features it was fitted to.
    weights: shape (1 + d, k), intercept and weights of each arm.
    reward_range: answers are cut to it.
    """

    centre: Floats
    scale: Floats
    weights: Floats
    reward_range: tuple[float, float]

    def predict(self, features: Floats) -> Floats:
        """Expected rewards, shape (n, k), of features of shape (n, d)."""
        design = _design((features - self.centre) / self.scale)
        return np.asarray(np.clip(design @ self.weights, *self.reward_range))


def fit(features: Floats, chosen: Ints, rewards: Floats, arms: int, reward_range: tuple[float, float]) -> RewardModel:
    """The model of n records with features of shape (n, d); of none, it answers with the middle of the range."""
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
    """Each record once, in blocks of their indices (m,), with the expected rewards (m, k) of every arm.

    The model behind an answer saw no record of that block.
    """
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
    """What is seen of a context: the context itself, and which of the slots it was."""
    return np.hstack([log.contexts.astype(float), (log.positions[:, None] == slots[1:]).astype(float)])


def _design(scaled: Floats) -> Floats:
    return np.hstack([np.ones((len(scaled), 1)), scaled])


def _first_step(design: Floats, chosen: Ints, rewards: Floats, arms: int) -> tuple[Floats, Floats]:
    """Weights of the design, shape (1 + d,), and of the arms, shape (k,)."""
    drawn = np.bincount(chosen, minlength=arms)
    of_arm = np.stack([np.bincount(chosen, column, minlength=arms) for column in design.T])
    products = np.block([[design.T @ design, of_arm], [of_arm.T, np.diag(drawn)]])
    penalty = np.full(len(products), _PRIOR)
    penalty[0] = 0.0  # how much is earned on average is no matter of belief
    answers = np.r_[design.T @ rewards, np.bincount(chosen, rewards, minlength=arms)]
    weights = np.linalg.solve(products + np.diag(penalty), answers)
    return weights[: design.shape[1]], weights[design.shape[1] :]


def _second_step(design: Floats, chosen: Ints, left: Floats, arms: int) -> Floats:
    """What each arm adds, shape (1 + d, k), to explain what the first step left."""
    own = np.zeros((design.shape[1], arms))
    penalty = _PRIOR_OF_ARMS * np.eye(design.shape[1])
    for arm in np.unique(chosen):
        x = design[chosen == arm]
        own[:, arm] = np.linalg.solve(x.T @ x + penalty, x.T @ left[chosen == arm])
    return own
