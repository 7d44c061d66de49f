"""Figures of merit, against cases computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.nlp.training import metrics

TRUTH = np.array([0, 0, 0, 0, 1, 1, 2, 2])
SAID = np.array([0, 0, 0, 1, 1, 2, 2, -1])
"""Recalls 3/4, 1/2, 1/2; precisions 3/3, 1/2, 1/2; the last case was not answered."""

SPANS = st.lists(
    st.tuples(st.integers(0, 8), st.integers(1, 3), st.sampled_from(["PER", "LOC"])).map(
        lambda each: (each[0], each[0] + each[1], each[2])
    ),
    max_size=5,
    unique=True,
)


def test_recalls() -> None:
    assert metrics.recalls(TRUTH, SAID, 3) == pytest.approx([0.75, 0.5, 0.5])
    assert metrics.macro_recall(TRUTH, SAID, 3) == pytest.approx(1.75 / 3)


def test_f1_counts_what_was_missed_and_what_was_wrongly_said() -> None:
    assert metrics.f1(TRUTH, SAID, 0) == pytest.approx(6 / 7)
    assert metrics.f1(TRUTH, SAID, 1) == pytest.approx(0.5)
    assert metrics.f1(TRUTH, SAID, 2) == pytest.approx(0.5)
    assert metrics.macro_f1(TRUTH, SAID, 3) == pytest.approx((6 / 7 + 1) / 3)


def test_a_label_that_neither_occurs_nor_is_said_counts_as_nothing_reached() -> None:
    assert metrics.f1(TRUTH, SAID, 3) == 0.0
    assert metrics.recalls(TRUTH, SAID, 4)[3] == 0.0
    assert metrics.macro_recall(TRUTH, TRUTH, 4) == 0.75


def test_everything_right_is_one_and_everything_wrong_is_nothing() -> None:
    assert metrics.macro_recall(TRUTH, TRUTH, 3) == metrics.macro_f1(TRUTH, TRUTH, 3) == 1.0
    assert metrics.macro_recall(TRUTH, (TRUTH + 1) % 3, 3) == metrics.macro_f1(TRUTH, (TRUTH + 1) % 3, 3) == 0.0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=40))
def test_f1_is_the_harmonic_mean_of_precision_and_recall(cases: list[tuple[int, int]]) -> None:
    truth, said = np.array([one for one, _ in cases]), np.array([other for _, other in cases])
    for label in range(4):
        right = sum(pair == (label, label) for pair in cases)
        recall = right / max(1, sum(one == label for one, _ in cases))
        precision = right / max(1, sum(other == label for _, other in cases))
        expected = 2 * precision * recall / (precision + recall) if right else 0.0
        assert metrics.f1(truth, said, label) == pytest.approx(expected)


def test_an_entity_is_right_only_with_its_extent_and_its_type() -> None:
    gold = [[(0, 2, "PER"), (3, 4, "LOC")], [(1, 2, "ORG")], []]
    said = [[(0, 2, "PER"), (3, 4, "ORG")], [(1, 3, "ORG")], [(0, 1, "PER")]]
    assert metrics.span_f1(gold, said) == pytest.approx(2 * 1 / (3 + 4))


def test_the_same_place_in_another_sentence_is_another_entity() -> None:
    assert metrics.span_f1([[(0, 1, "PER")], []], [[], [(0, 1, "PER")]]) == 0.0


def test_no_entities_at_all_are_nothing_reached() -> None:
    assert metrics.span_f1([[]], [[]]) == 0.0


@given(st.lists(st.tuples(SPANS, SPANS), min_size=1, max_size=6))
def test_truth_and_answer_may_be_swapped(sentences: list[tuple[list[metrics.Span], list[metrics.Span]]]) -> None:
    gold, said = [one for one, _ in sentences], [other for _, other in sentences]
    assert metrics.span_f1(gold, said) == metrics.span_f1(said, gold)
    assert 0.0 <= metrics.span_f1(gold, said) <= 1.0
    assert metrics.span_f1(gold, gold) == (1.0 if any(gold) else 0.0)
