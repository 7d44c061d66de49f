"""Segments' journeys count each person once, and each post in its bucket."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from alphaads_pipelines.profiles.segment_journeys import SCHEMA, count_segments, large_enough
from alphaads_pipelines.profiles.segments import FEATURES, Segment, Segmentation, no_segments, segment_of
from alphaads_pipelines.profiles.state import POSTS, ProfileState
from alphaads_pipelines.profiles.time_buckets import hour_at
from alphaads_pipelines.schema.tables import EMOTIONS
from tests.profiles.states import NOON_HOUR, counts, lived_states, person, state_of

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def _by_emotion(*emotions: str) -> Segmentation:
    """A segment for each of these emotions."""
    segments = [
        Segment(f"s{number}", [float(name == emotion) for name in FEATURES])
        for number, emotion in enumerate(emotions, 1)
    ]
    return Segmentation(1, list(FEATURES), [0.0] * len(FEATURES), [1.0] * len(FEATURES), segments, len(segments) + 1)


JOY_OR_ANGER = _by_emotion("joy", "anger")


def test_two_people_by_hand() -> None:
    joyful = state_of({0: counts(300, joy=3), 1: counts(300, joy=2, fear=1), 24: counts(300, joy=1)})
    also = state_of({2: counts(None, joy=5, posts=6)})
    angry = state_of({0: counts(-900, anger=5)})
    rows = count_segments([joyful, also, angry], JOY_OR_ANGER, LONG_AGO)
    assert dict(rows.schema) == SCHEMA
    day = hour_at(NOON_HOUR).replace(hour=0)
    shown = rows.select("segment_id", "bucket_at", "people", "posts", "scored", "sentiment_sum_milli", "joy").rows()
    assert shown == [
        ("s1", day, 2, 12, 6, 1_800, 10),
        ("s1", day + timedelta(days=1), 1, 1, 1, 300, 1),
        ("s2", day, 1, 5, 5, -4_500, 0),
    ]


def test_hours_are_buckets_too_and_what_began_before_is_left_out() -> None:
    state = state_of({0: counts(joy=3), 1: counts(joy=2)})
    rows = count_segments([state], JOY_OR_ANGER, hour_at(NOON_HOUR + 1), bucket_hours=1)
    assert rows.select("bucket_at", "posts").rows() == [(hour_at(NOON_HOUR + 1), 2)]
    assert count_segments([state], JOY_OR_ANGER, hour_at(NOON_HOUR + 1)).is_empty()


@examples(max_examples=30)
@given(st.lists(lived_states(), max_size=6), st.sampled_from([1, 24, 168]), st.randoms(use_true_random=False))
def test_every_post_of_everybody_in_a_segment_is_counted_once(
    states: list[ProfileState], bucket_hours: int, dice: random.Random
) -> None:
    rows = count_segments(states, JOY_OR_ANGER, LONG_AGO, bucket_hours)
    posts, counted = Counter[str](), Counter[str]()
    for state in states:
        if (segment := segment_of(state, JOY_OR_ANGER)) is not None:
            posts[segment] += sum(each[POSTS] for each in state.hours.values())
    for segment, number in rows.select("segment_id", "posts").iter_rows():
        counted[segment] += number
    assert counted == posts
    assert rows.select("segment_id", "bucket_at").is_unique().all()
    assert count_segments(dice.sample(states, len(states)), JOY_OR_ANGER, LONG_AGO, bucket_hours).equals(rows)


@pytest.mark.parametrize("size", [9, 10])
def test_small_groups_are_left_out(size: int) -> None:
    dice = np.random.default_rng(1)
    crowd: list[ProfileState] = [state_of({0: counts(joy=5)}) for _ in range(10)]
    few = [person(dice, range(24), "anger") for _ in range(size)]
    rows = large_enough(count_segments([*crowd, *few], JOY_OR_ANGER, LONG_AGO, 24 * 10_000), 10)
    assert rows["segment_id"].to_list() == (["s1", "s2"] if size == 10 else ["s1"])
    assert rows["people"].min() == 10


def test_without_segments_nobody_is_counted() -> None:
    rows = count_segments([state_of({0: counts(joy=9)})], no_segments(), LONG_AGO)
    assert rows.is_empty()
    assert set(EMOTIONS) <= set(rows.columns)
