"""Calibration: bins of confidence, the errors they show, and the JSON of the model card."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.nlp.reliability import BINS, Bin, Reliability, reliability_of


def _sure(confidence: float, cases: int, right: int) -> tuple[np.ndarray, np.ndarray]:
    """Cases of two labels that all have the same confidence in the first."""
    return np.tile([confidence, 1 - confidence], (cases, 1)), np.array([0] * right + [1] * (cases - right))


def _joined(*parts: tuple[np.ndarray, np.ndarray]) -> Reliability:
    return reliability_of(np.concatenate([each for each, _ in parts]), np.concatenate([each for _, each in parts]))


def test_bins_hold_count_confidence_and_accuracy() -> None:
    found = _joined(_sure(0.95, 10, 9), _sure(0.6, 30, 12))
    assert [each.count for each in found.reliability] == [30, 10]
    assert [each.confidence for each in found.reliability] == pytest.approx([0.6, 0.95])
    assert [each.accuracy for each in found.reliability] == pytest.approx([0.4, 0.9])
    assert found.cases == 40
    assert found.ece == pytest.approx((30 * 0.2 + 10 * 0.05) / 40)
    assert found.highest_error == pytest.approx(0.2)


def test_whoever_is_right_as_often_as_they_say_has_no_error() -> None:
    found = _joined(_sure(0.9, 10, 9), _sure(0.6, 10, 6))
    assert found.ece == pytest.approx(0)
    assert found.highest_error == pytest.approx(0)


def test_full_confidence_belongs_to_the_last_bin() -> None:
    [last] = _joined(_sure(1.0, 5, 5), _sure(0.97, 5, 5)).reliability
    assert last.count == 10


def test_no_cases_have_no_bins() -> None:
    assert reliability_of(np.zeros((0, 3)), np.zeros(0, int)) == Reliability((), 0.0, 0)


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(1, 300), st.integers(2, 7))
def test_every_case_is_in_one_bin_and_the_errors_are_shares(seed: int, cases: int, labels: int) -> None:
    dice = np.random.default_rng(seed)
    found = reliability_of(dice.dirichlet(np.ones(labels), cases), dice.integers(0, labels, cases))
    assert sum(each.count for each in found.reliability) == found.cases == cases
    assert len(found.reliability) <= BINS
    assert 0 <= found.ece <= found.highest_error <= 1
    assert all(1 / labels - 1e-9 <= each.confidence <= 1 and 0 <= each.accuracy <= 1 for each in found.reliability)
    places = [int(min(each.confidence * BINS, BINS - 1)) for each in found.reliability]
    assert places == sorted(set(places))


def test_the_model_card_holds_it_in_exactly_this_shape() -> None:
    held = b'{"reliability":[{"count":3,"confidence":0.5,"accuracy":0.75}],"ece":0.25,"cases":3}'
    card = Reliability((Bin(3, 0.5, 0.75),), 0.25, 3)
    assert msgspec.json.encode(card) == held
    assert msgspec.json.decode(held, type=Reliability) == card
