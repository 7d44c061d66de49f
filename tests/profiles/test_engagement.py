"""Engagement counts each event of an ad once, in whatever order, however often and in how many parts they come."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.profiles.engagement import WINDOW, Hours, OpenAd, fold_engagement, view_engagement

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOUR = int(NOON.timestamp()) // 3600
Record = dict[str, str]


def _decision(key: str, subject: str = "ada", at: datetime = NOON) -> Record:
    return {"decision_id": key, "subject_id": subject, "decided_at": at.isoformat()}


def _event(key: str, kind: str = "impression", after: timedelta = timedelta()) -> Record:
    return {"decision_id": key, "kind": kind, "occurred_at": (NOON + after).isoformat()}


def _counted(*steps: Sequence[Record]) -> Hours:
    """The counts after folds of each step's decisions and events."""
    open_ads: dict[str, OpenAd] = {}
    total: Hours = {}
    for step in steps:
        decisions = [record for record in step if "decided_at" in record]
        folded = fold_engagement(open_ads, decisions, [record for record in step if "kind" in record])
        open_ads |= folded.ads
        for key, counts in folded.changes.items():
            total[key] = [a + b for a, b in zip(total.get(key, [0, 0, 0]), counts, strict=True)]
    return {key: counts for key, counts in total.items() if any(counts)}


def test_events_count_in_the_hour_in_which_they_happened() -> None:
    events = [_event("1"), _event("1", "click", timedelta(hours=1)), _event("1", "conversion", timedelta(days=2))]
    assert _counted([_decision("1"), *events]) == {
        ("ada", HOUR): [1, 0, 0],
        ("ada", HOUR + 1): [0, 1, 0],
        ("ada", HOUR + 48): [0, 0, 1],
    }


def test_any_event_proves_the_impression() -> None:
    assert _counted([_decision("1"), _event("1", "click")]) == {("ada", HOUR): [1, 1, 0]}
    assert _counted([_decision("1"), _event("1", "click")], [_event("1", after=timedelta(minutes=3))]) == {
        ("ada", HOUR): [1, 1, 0]
    }


def test_events_may_come_before_their_decision_and_count_nothing_without_one() -> None:
    assert _counted([_event("1", "click")]) == {}
    assert _counted([_event("1", "click")], [_decision("1")]) == {("ada", HOUR): [1, 1, 0]}


def test_events_after_the_window_and_of_other_kinds_count_nothing() -> None:
    late = _event("1", "conversion", WINDOW + timedelta(seconds=1))
    assert _counted([_decision("1"), late, _event("1", "viewability")]) == {}
    assert _counted([_decision("1"), _event("1", "conversion", WINDOW)]) != {}


def test_an_earlier_event_moves_the_count_to_its_hour() -> None:
    late, early = _event("1", after=timedelta(hours=5)), _event("1", after=timedelta(hours=2))
    assert _counted([_decision("1"), late], [early]) == {("ada", HOUR + 2): [1, 0, 0]}


records = st.one_of(
    st.builds(
        _decision,
        st.sampled_from("1234"),
        st.sampled_from(("ada", "bo")),
        st.integers(-3, 3).map(lambda hours: NOON + timedelta(hours=hours)),
    ),
    st.builds(
        _event,
        st.sampled_from("1234"),
        st.sampled_from(("impression", "click", "conversion", "other")),
        st.integers(-5, 24 * 9).map(lambda hours: timedelta(hours=hours)),
    ),
)


@given(st.lists(records, max_size=25), st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_shuffled_doubled_and_split_input_gives_the_same_counts(history: list[Record], rng: random.Random) -> None:
    again = [*history, *rng.sample(history, len(history) // 2)]
    rng.shuffle(again)
    cut = rng.randint(0, len(again))
    assert _counted(again[:cut], again[cut:]) == _counted(history)
    assert _counted(*([each] for each in again)) == _counted(history)


@given(st.lists(records, max_size=25))
@settings(max_examples=60)
def test_no_ad_counts_a_kind_twice_and_nothing_was_clicked_unseen(history: list[Record]) -> None:
    ads = {each["decision_id"] for each in history if "decided_at" in each}
    sums = [sum(column) for column in zip(*_counted(history).values(), strict=True)] or [0, 0, 0]
    assert max(sums) <= len(ads)
    assert sums[0] == max(sums)
    heard = Counter(each["kind"] for each in history if "kind" in each)
    assert sums[1] <= heard["click"]
    assert sums[2] <= heard["conversion"]


def test_the_view_sums_and_lets_the_past_fade() -> None:
    view = view_engagement({HOUR: [4, 2, 0], HOUR - 168: [4, 0, 1]}, NOON)
    assert (view.impressions, view.clicks, view.conversions, view.ctr_ratio) == (8, 2, 1, 0.25)
    assert view.decayed["impressions"] == pytest.approx(6)
    assert view.decayed["conversions"] == pytest.approx(0.5)
    assert view.decayed["ctr_ratio"] == pytest.approx(1 / 3)


def test_who_saw_nothing_has_no_rate() -> None:
    view = view_engagement({}, NOON)
    assert (view.impressions, view.ctr_ratio, view.decayed["ctr_ratio"]) == (0, None, None)
