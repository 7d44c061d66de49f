"""Review states of a creative and their transitions."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.creatives.moderation import Verdict
from alphaads_pipelines.creatives.review import (
    APPROVED,
    DRAFT,
    NEEDS_REVIEW,
    PENDING,
    REFUSED,
    STATES,
    Review,
    apply_verdict,
    approve,
    draft,
    reject,
    submit,
)
from alphaads_pipelines.errors import InvalidRequest

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
FINE, BAD, DOUBT = Verdict(True, ()), Verdict(False, ("offensive",)), Verdict(False, (), ("maybe_offensive",))
MOVES: dict[str, Callable[[Review, datetime], Review]] = {
    "submit": submit,
    "pass": lambda review, now: apply_verdict(review, FINE, now),
    "refuse": lambda review, now: apply_verdict(review, BAD, now),
    "doubt": lambda review, now: apply_verdict(review, DOUBT, now),
    "approve": lambda review, now: approve(review, "ana", "fine for this brand", now),
    "reject": lambda review, now: reject(review, "ana", "misleading", now),
}
ALLOWED = {
    (DRAFT, "submit"): PENDING,
    (APPROVED, "submit"): PENDING,
    (REFUSED, "submit"): PENDING,
    (PENDING, "pass"): APPROVED,
    (PENDING, "refuse"): REFUSED,
    (PENDING, "doubt"): NEEDS_REVIEW,
    (NEEDS_REVIEW, "approve"): APPROVED,
    (NEEDS_REVIEW, "reject"): REFUSED,
    (APPROVED, "reject"): REFUSED,
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("move", MOVES)
def test_only_these_moves_are_allowed(state: str, move: str) -> None:
    review = Review("c1", state, NOON)
    if (state, move) in ALLOWED:
        assert MOVES[move](review, NOON).state == ALLOWED[state, move]
    else:
        with pytest.raises(InvalidRequest, match=f"a creative that is {state} cannot be"):
            MOVES[move](review, NOON)


def test_reasons_reviewer_and_note_are_kept() -> None:
    waiting = apply_verdict(submit(draft("c1", NOON), NOON), DOUBT, NOON)
    later = NOON + timedelta(hours=1)
    approved = approve(waiting, " ana ", "we know this word", later)
    assert approved == Review("c1", APPROVED, later, ("maybe_offensive",), "ana", "we know this word")


def test_reasons_and_doubts_together_refuse() -> None:
    pending = submit(draft("c1", NOON), NOON)
    assert apply_verdict(pending, Verdict(False, ("a",), ("b",)), NOON).state == REFUSED
    assert apply_verdict(pending, Verdict(True, ("a",)), NOON).state == REFUSED, "whatever the verdict says of itself"
    assert apply_verdict(pending, Verdict(False, ()), NOON).state == NEEDS_REVIEW


def test_what_is_moderated_again_loses_its_approval_and_its_reviewer() -> None:
    approved = Review("c1", APPROVED, NOON, (), "ana", "fine")
    again = submit(approved, NOON)
    assert not again.is_servable
    assert (again.reviewer, again.note) == (None, None)


@pytest.mark.parametrize(("reviewer", "note"), [("", "why"), ("  ", "why"), ("ana", ""), ("ana", " \n")])
@pytest.mark.parametrize("decide", [approve, reject])
def test_a_decision_needs_a_person_and_a_reason(
    decide: Callable[[Review, str, str, datetime], Review], reviewer: str, note: str
) -> None:
    with pytest.raises(InvalidRequest):
        decide(Review("c1", NEEDS_REVIEW, NOON), reviewer, note, NOON)


@settings(max_examples=100)
@given(st.lists(st.sampled_from(sorted(MOVES)), max_size=12))
def test_nothing_is_servable_that_nobody_judged_last(moves: list[str]) -> None:
    review, said = draft("c1", NOON), "draft"
    for move in moves:
        try:
            review, said = MOVES[move](review, NOON), move
        except InvalidRequest:
            continue
    assert review.is_servable == (said in {"pass", "approve"})
