"""The fold gives the same profile and journey, however the posts were split, shuffled and late."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.ingest.checks import schema_problems
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.profile_summary import mood_of
from alphaads_pipelines.profiles.state import FORMAT, ProfileState, combine, decode, encode
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS
from tests.profiles.scores import NOON, TOKEN, Scored, entities, frame, scored_posts

Rows = dict[Any, tuple[Any, ...]]


def _current(table: pl.DataFrame, keys: Sequence[str]) -> Rows:
    newest = table.sort("batch_seq").group_by(keys, maintain_order=True).last().drop("batch_seq")
    return {row[: len(keys)]: row[len(keys) :] for row in newest.select(*keys, pl.exclude(*keys)).iter_rows()}


def _fold(batches: Sequence[Sequence[Scored]]) -> tuple[Rows, Rows]:
    """Newest profiles and journeys after folding batch after batch."""
    states: dict[str, bytes] = {}
    profiles, journeys = [], []
    for seq, batch in enumerate(batches, start=1):
        folded, hours = fold_profiles(states, frame(batch), seq, entities(batch))
        states |= dict(zip(folded["subject_id"], folded["state"], strict=True))
        profiles.append(folded)
        journeys.append(hours)
    return _current(pl.concat(profiles), ["subject_id"]), _current(pl.concat(journeys), ["subject_id", "hour_at"])


def _states(posts: Sequence[Scored]) -> dict[str, bytes]:
    """Subject -> state after folding the posts at once."""
    folded, _ = fold_profiles({}, frame(posts), 1, entities(posts))
    return dict(zip(folded["subject_id"], folded["state"], strict=True))


def _changed(states: dict[str, bytes], posts: Sequence[Scored], sign: int) -> dict[str, bytes]:
    """The states with posts added or removed; empty states are left out."""
    nobody = encode(ProfileState(FORMAT, {}, {}, {}))
    changed = dict(states)
    for subject, state in _states(posts).items():
        changed[subject] = encode(combine(decode(changed.get(subject, nobody)), decode(state), sign))
    return {subject: state for subject, state in changed.items() if state != nobody}


def _split(posts: Sequence[Scored], cuts: Sequence[int]) -> list[Sequence[Scored]]:
    places = [0, *sorted(cut % (len(posts) + 1) for cut in cuts), len(posts)]
    return [posts[start:end] for start, end in pairwise(places)]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(scored_posts(), min_size=1, max_size=30),
    st.lists(st.integers(0, 1_000), max_size=4),
    st.randoms(use_true_random=False),
)
def test_any_split_in_any_order_gives_the_same(posts: list[Scored], cuts: list[int], dice: random.Random) -> None:
    at_once = _fold([posts])
    shuffled = dice.sample(posts, len(posts))
    assert _fold(_split(shuffled, cuts)) == at_once


@settings(max_examples=20, deadline=None)
@given(st.lists(scored_posts(), max_size=12), st.lists(scored_posts(), min_size=1, max_size=12))
def test_posts_can_be_taken_out_again(kept: list[Scored], erased: list[Scored]) -> None:
    assert _changed(_states(kept + erased), erased, sign=-1) == _states(kept)


@settings(max_examples=20, deadline=None)
@given(st.lists(scored_posts(), max_size=12), scored_posts(), scored_posts())
def test_a_post_that_is_scored_again_counts_as_if_its_old_score_had_never_been(
    rest: list[Scored], old: Scored, new: Scored
) -> None:
    rescored = replace(new, subject_id=old.subject_id, shard=old.shard, created_at=old.created_at)
    without = _changed(_states([*rest, old]), [old], sign=-1)
    assert _changed(without, [rescored], sign=1) == _states([*rest, rescored])


def test_a_topic_counts_once_in_a_post_with_the_sentiment_of_the_post() -> None:
    posts = [
        Scored(topics=("lumora", "lumora", TOKEN)),
        Scored(topics=("lumora",), sentiment=None, sentiment_positive=None, sentiment_negative=None),
        Scored(topics=("lumora",), created_at=NOON + timedelta(hours=1), sentiment_positive=0.0),
        Scored(topics=("pelmo",), version=1),
    ]
    noon = (NOON - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(hours=1)
    assert decode(_states(posts)["ada"]).topics == {
        "lumora": {noon: [2, 500], noon + 1: [1, -250]},
        TOKEN: {noon: [1, 500]},
    }


def test_entities_of_posts_that_are_not_in_the_batch_do_not_count() -> None:
    posts = [Scored(), Scored(topics=("lumora",))]
    [state] = fold_profiles({}, frame(posts)[:1], 1, entities(posts))[0]["state"]
    assert decode(state).topics == {}


def test_a_state_of_the_older_format_is_folded_on() -> None:
    [state] = _states([Scored()]).values()
    held = decode(state)
    older = msgspec.msgpack.encode([1, held.hours, held.languages, held.platforms])
    posts = [Scored(topics=("lumora",))]
    assert _fold_on({"ada": older}, posts) == _fold_on({"ada": state}, posts)


def _fold_on(prior: dict[str, bytes], posts: Sequence[Scored]) -> list[bytes]:
    return fold_profiles(prior, frame(posts), 2, entities(posts))[0]["state"].to_list()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(-3_000, 3_000), scored_posts()), min_size=1, max_size=15), st.integers(1, 14))
def test_what_is_folded_in_pages_is_what_the_whole_state_says(late: list[tuple[int, Scored]], cut: int) -> None:
    posts = [replace(post, subject_id="ada", shard=3, created_at=NOON + timedelta(hours=hour)) for hour, post in late]
    [profile] = _fold([posts[:cut], posts[cut:]])[0].values()
    row = dict(zip(CUSTOMER_PROFILES.column_names[3:], profile[1:], strict=True))
    held = decode(row["state"])
    assert encode(held) == row["state"]
    last = max(held.hours)
    assert (row["posts"], row["mood"]) == (len(posts), mood_of(held, last + 1))
    assert row["last_post_at"] == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=last)


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
