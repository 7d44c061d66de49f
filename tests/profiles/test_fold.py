"""The fold gives the same profile and journey, however the posts were split, shuffled and late."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.ingest.checks import schema_problems
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.state import combine, decode, encode
from alphaads_pipelines.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS
from tests.profiles.scores import NOON, Scored, frame, scored_posts

Rows = dict[Any, tuple[Any, ...]]


def _current(table: pl.DataFrame, keys: Sequence[str]) -> Rows:
    newest = table.sort("batch_seq").group_by(keys, maintain_order=True).last().drop("batch_seq")
    return {row[: len(keys)]: row[len(keys) :] for row in newest.select(*keys, pl.exclude(*keys)).iter_rows()}


def _fold(batches: Sequence[Sequence[Scored]]) -> tuple[Rows, Rows]:
    """Newest profiles and journeys after folding batch after batch."""
    states: dict[str, bytes] = {}
    profiles, journeys = [], []
    for seq, batch in enumerate(batches, start=1):
        folded, hours = fold_profiles(states, frame(batch), seq)
        states |= dict(zip(folded["subject_id"], folded["state"], strict=True))
        profiles.append(folded)
        journeys.append(hours)
    return _current(pl.concat(profiles), ["subject_id"]), _current(pl.concat(journeys), ["subject_id", "hour_at"])


def _split(posts: Sequence[Scored], cuts: Sequence[int]) -> list[Sequence[Scored]]:
    places = [0, *sorted(cut % (len(posts) + 1) for cut in cuts), len(posts)]
    return [posts[start:end] for start, end in pairwise(places)]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(scored_posts(), min_size=1, max_size=30),
    st.lists(st.integers(0, 1_000), max_size=4),
    st.randoms(use_true_random=False),
)
def test_any_split_in_any_order_gives_the_same(posts: list[Scored], cuts: list[int], dice: random.Random) -> None:
    at_once = _fold([posts])
    shuffled = dice.sample(posts, len(posts))
    assert _fold(_split(shuffled, cuts)) == at_once


@settings(max_examples=25, deadline=None)
@given(st.lists(scored_posts(), min_size=1, max_size=12), st.lists(scored_posts(), min_size=1, max_size=12))
def test_posts_can_be_taken_out_again(kept: list[Scored], erased: list[Scored]) -> None:
    both, _ = fold_profiles({}, frame(kept + erased), 1)
    gone, _ = fold_profiles({}, frame(erased), 1)
    alone, _ = fold_profiles({}, frame(kept), 1)
    left = dict(zip(both["subject_id"], both["state"], strict=True))
    for subject, state in zip(gone["subject_id"], gone["state"], strict=True):
        left[subject] = encode(combine(decode(left[subject]), decode(state), sign=-1))
    expected = dict(zip(alone["subject_id"], alone["state"], strict=True))
    assert {subject: state for subject, state in left.items() if decode(state).hours} == expected


def test_rows_keep_their_contracts() -> None:
    profiles, journeys = fold_profiles({}, frame([Scored(), Scored(emotion=None, sentiment=None)]), 7)
    assert schema_problems(CUSTOMER_PROFILES, profiles) == []
    assert schema_problems(EMOTIONAL_JOURNEYS, journeys) == []
    assert set(profiles["batch_seq"]) | set(journeys["batch_seq"]) == {7}


def test_a_profile_by_hand() -> None:
    posts = [
        Scored(created_at=NOON + timedelta(minutes=59), emotion="joy"),
        Scored(created_at=NOON, emotion="anger", sentiment_positive=0.1, sentiment_negative=0.9, language="es"),
        Scored(created_at=NOON + timedelta(hours=2), sentiment=None, sentiment_positive=None, sentiment_negative=None),
    ]
    profiles, journeys = fold_profiles({}, frame(posts), 1)
    [profile] = profiles.to_dicts()
    assert (profile["posts"], profile["mood"], profile["language"]) == (3, "joy", "en")
    assert profile["sentiment_mean"] == (500 - 800) / 2 / 1000
    assert (profile["first_post_at"], profile["last_post_at"]) == (NOON, NOON + timedelta(hours=2))
    hours = {row["hour_at"]: row for row in journeys.to_dicts()}
    assert hours[NOON]["posts"] == 2
    assert hours[NOON]["sentiment_sum_milli"] == -300
    assert (hours[NOON]["joy_posts"], hours[NOON]["anger_posts"], hours[NOON]["fear_posts"]) == (1, 1, 0)
    assert hours[NOON + timedelta(hours=2)]["sentiment_sum_milli"] == 0


def test_an_edit_is_not_counted_again() -> None:
    post, edit = Scored(), Scored(version=1, emotion="anger")
    assert _fold([[post], [edit]])[0] == _fold([[post]])[0]
    profiles, journeys = fold_profiles({}, frame([edit]), 1)
    assert (profiles.height, journeys.height) == (0, 0)


def test_only_people_in_the_batch_get_a_version() -> None:
    prior = dict(
        fold_profiles({}, frame([Scored(), Scored(subject_id="bo")]), 1)[0].select("subject_id", "state").rows()
    )
    profiles, journeys = fold_profiles(prior, frame([Scored(subject_id="bo")]), 2)
    assert profiles["subject_id"].to_list() == ["bo"]
    assert profiles["posts"].to_list() == [2]
    assert journeys["posts"].to_list() == [2], "a journey's hour counts everything so far"


def test_hours_before_1970_are_hours_too() -> None:
    late_1969 = datetime(1969, 12, 31, 23, 30, tzinfo=UTC)
    [profile] = fold_profiles({}, frame([Scored(created_at=late_1969)]), 1)[0].to_dicts()
    assert profile["first_post_at"] == datetime(1969, 12, 31, 23, tzinfo=UTC)


def test_a_tie_of_languages_goes_to_the_alphabet() -> None:
    posts = [Scored(language="es"), Scored(language="de"), Scored(language=None)]
    assert fold_profiles({}, frame(posts), 1)[0]["language"].to_list() == ["de"]
