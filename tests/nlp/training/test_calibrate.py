"""Calibration: what was planted is found again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from alphaads_pipelines.nlp.neural import calibrated
from alphaads_pipelines.nlp.reliability import reliability_of
from alphaads_pipelines.nlp.training.calibrate import choose
from alphaads_pipelines.nlp.training.metrics import macro_recall

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
EVEN = np.full(3, 1 / 3)


def _drawn(logits: Floats, seed: int) -> Ints:
    """Labels drawn from the probabilities that the logits say."""
    chance = np.random.default_rng(seed)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = powers / powers.sum(1, keepdims=True)
    return np.asarray((probabilities.cumsum(1) < chance.random((len(logits), 1))).sum(1))


def _honest(cases: int, seed: int, labels: int = 3) -> Floats:
    return np.asarray(np.random.default_rng(seed).normal(0, 1.5, (cases, labels)))


def _macro_recall(truth: Ints, said: Ints) -> float:
    return macro_recall(truth, said, 3)


@pytest.mark.parametrize("planted", [0.6, 1.0, 2.0, 3.0])
def test_a_planted_temperature_is_found(planted: float) -> None:
    honest = _honest(8_000, 1)
    chosen = choose(honest * planted, _drawn(honest, 2), EVEN, None)
    assert chosen.temperature == pytest.approx(planted, rel=0.12)
    assert chosen.bias == (0.0, 0.0, 0.0)


def test_after_it_confidence_is_accuracy() -> None:
    honest = _honest(8_000, 3)
    truth, boastful = _drawn(honest, 4), honest * 2.5
    before = reliability_of(calibrated(boastful, choose(honest, truth, EVEN, None)), truth).ece
    after = reliability_of(calibrated(boastful, choose(boastful, truth, EVEN, None)), truth).ece
    assert after < 0.02 < before


def test_the_shift_lifts_labels_that_were_rare_in_training() -> None:
    """A network that learned from 8 : 1 : 1 says the first label too often for a measure that counts all alike."""
    priors = np.array([0.8, 0.1, 0.1])
    truth = np.random.default_rng(5).integers(0, 3, 4_000)
    logits = np.eye(3)[truth] * 1.5 + _honest(4_000, 6) * 0.7 + np.log(priors)
    plain, shifted = choose(logits, truth, priors, None), choose(logits, truth, priors, _macro_recall)
    assert plain.bias == (0.0, 0.0, 0.0)
    assert shifted.bias[1] == shifted.bias[2] > shifted.bias[0]
    before, after = (_macro_recall(truth, calibrated(logits, each).argmax(1)) for each in (plain, shifted))
    assert after > before + 0.05


def test_no_shift_where_all_labels_were_as_frequent() -> None:
    logits = _honest(2_000, 7)
    chosen = choose(logits, _drawn(logits, 8), EVEN, _macro_recall)
    assert len(set(chosen.bias)) == 1, "the same for all is none"


def test_the_temperature_never_changes_who_is_most_probable() -> None:
    priors = np.array([0.6, 0.3, 0.1])
    logits = _honest(3_000, 9)
    truth = _drawn(logits, 10)
    for planted in (0.5, 1.0, 4.0):
        chosen = choose(logits * planted, truth, priors, None)
        assert (calibrated(logits * planted, chosen).argmax(1) == logits.argmax(1)).all()
    chosen = choose(logits, truth, priors, _macro_recall)
    lifted = logits + np.array(chosen.bias) * chosen.temperature
    assert (calibrated(logits, chosen).argmax(1) == lifted.argmax(1)).mean() > 0.999


def test_the_same_figures_give_the_same_calibration() -> None:
    logits = _honest(500, 11)
    truth = _drawn(logits, 12)
    assert choose(logits, truth, EVEN, _macro_recall) == choose(logits, truth, EVEN, _macro_recall)
