"""The newest event holds, and evidence cannot identify anyone."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.privacy.consent import ConsentEvent, check_evidence, check_purpose, current

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _event(seq: int, purpose: str, *, granted: bool) -> ConsentEvent:
    return ConsentEvent(seq, "s" * 32, purpose, granted, "api", "form-7", NOON)


def test_the_newest_word_about_each_purpose_holds_in_whatever_order_they_come() -> None:
    events = [
        _event(1, "linking", granted=True),
        _event(2, "personalised_ads", granted=True),
        _event(5, "personalised_ads", granted=False),
        _event(7, "linking", granted=True),
    ]
    random.Random(3).shuffle(events)
    assert {purpose: (held.change_seq, held.is_granted) for purpose, held in current(events).items()} == {
        "linking": (7, True),
        "personalised_ads": (5, False),
    }
    assert current([]) == {}


@pytest.mark.parametrize("evidence", ["form-7", "2026/11/24#12", "a" * 128, "cmp:v2.1"])
def test_evidence_is_a_reference(evidence: str) -> None:
    assert check_evidence(evidence) == evidence


@pytest.mark.parametrize("evidence", ["", "Planted Ferncroft", "planted@ferncroft.example", "a" * 129, "-x", "a\nb"])
def test_evidence_that_could_name_somebody_is_refused_and_not_repeated(evidence: str) -> None:
    with pytest.raises(InvalidRequest, match="a reference") as caught:
        check_evidence(evidence)
    assert "lanted" not in str(caught.value)


def test_a_purpose_is_one_of_ours() -> None:
    assert check_purpose("linking") == "linking"
    with pytest.raises(InvalidRequest, match="personalised_ads, linking"):
        check_purpose("everything")
