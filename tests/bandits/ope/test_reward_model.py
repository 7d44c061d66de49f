"""The reward model: its fit, its shrinkage, and that it never saw the records it predicts."""

from __future__ import annotations

import numpy as np
import pytest

from alphaads_pipelines.bandits.ope.logs import Floats, Log
from alphaads_pipelines.bandits.ope.reward_model import FOLDS, cross_fitted, fit
from benchmarks.logged import SHAPES, World
from tests.bandits.ope.small_logs import small_log


def test_it_finds_what_each_arm_makes_of_a_context() -> None:
    random = np.random.default_rng(1)
    features, chosen = random.uniform(-1, 1, size=(6_000, 2)), random.integers(3, size=6_000)
    truth = 0.5 + 0.1 * features[:, :1] + np.array([-0.2, 0.0, 0.2]) * features[:, 1:]
    rewards = truth[np.arange(6_000), chosen] + random.normal(scale=0.01, size=6_000)
    model = fit(features, chosen, rewards, 3, (0.0, 1.0))
    assert np.abs(model.predict(features) - truth).max() < 0.02


def test_an_arm_that_was_never_drawn_gets_what_arms_get_on_average() -> None:
    chosen = np.repeat([0, 1], 500)
    model = fit(np.zeros((1_000, 1)), chosen, (chosen == 1) * 0.6, 3, (0.0, 1.0))
    few, many, never = model.predict(np.zeros((1, 1)))[0]
    assert few == pytest.approx(0.0, abs=0.02)
    assert many == pytest.approx(0.6, abs=0.02)
    assert never == pytest.approx(0.3, abs=0.02)


def test_answers_stay_within_the_range_of_rewards() -> None:
    random = np.random.default_rng(2)
    features = random.normal(size=(300, 1))
    model = fit(features, np.zeros(300, dtype=int), (features[:, 0] > 0).astype(float), 1, (0.0, 1.0))
    answers = model.predict(np.array([[-9.0], [9.0]]))
    assert answers.tolist() == [[0.0], [1.0]]


def _answers(log: Log) -> dict[int, Floats]:
    return {int(row): each for rows, model in cross_fitted(log, 5) for row, each in zip(rows, model, strict=True)}


def test_each_record_is_judged_once_by_a_model_that_did_not_see_it() -> None:
    world = World(SHAPES["even weights"])
    log = world.log(200, seed=1)
    before = {
        int(row): answers for rows, model in cross_fitted(log, 5) for row, answers in zip(rows, model, strict=True)
    }
    assert sorted(before) == list(range(200))
    log.rewards[17] = 1 - log.rewards[17]
    after = {
        int(row): answers for rows, model in cross_fitted(log, 5) for row, answers in zip(rows, model, strict=True)
    }
    moved = [row for row in range(200) if not np.array_equal(before[row], after[row])]
    assert 17 not in moved
    assert len(moved) == 200 - 200 // FOLDS, "all who are not in its fold"


def test_folds_come_from_the_seed() -> None:
    log = small_log()
    first, again, other = (np.concatenate([rows for rows, _ in cross_fitted(log, seed)]).tolist() for seed in (1, 1, 3))
    assert first == again != other


def test_slots_are_told_apart() -> None:
    random = np.random.default_rng(3)
    positions = random.integers(1, 3, size=1_000)
    log = small_log(
        chosen=np.zeros(1_000, dtype=int),
        propensities=np.ones(1_000),
        rewards=(positions == 2).astype(float),
        contexts=np.zeros((1_000, 0), dtype=np.float32),
        positions=positions,
    )
    for rows, model in cross_fitted(log, 0):
        assert np.abs(model[:, 0] - log.rewards[rows]).max() < 0.1
