"""The posts that are told to be behind a mood make that mood, by the rule that profiles go by."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.decisions.explain.mood_posts import HORIZON, MoodPosts, mood_from
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.mood import HALF_LIFE_HOURS
from alphaads_pipelines.profiles.profile_summary import mood_of
from alphaads_pipelines.profiles.state import decode
from alphaads_pipelines.profiles.time_buckets import hour_of
from tests.profiles.scores import NOON, Scored, frame

MOMENTS = st.integers(-200 * 60, 20 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
POSTS = st.builds(Scored, created_at=MOMENTS, emotion=st.sampled_from(["joy", "anger", "fear", None]))


def behind(posts: list[Scored], known_at: datetime | None = None) -> MoodPosts:
    """The posts as they are read from the lake, known as soon as they were written unless it is said when."""
    rows = frame(posts).filter(pl.col("emotion").is_not_null())
    known = pl.col("created_at") if known_at is None else pl.lit(known_at, pl.Datetime("us", "UTC"))
    hours = rows["created_at"].dt.timestamp("us") // 3_600_000_000
    return MoodPosts(rows.with_columns(known_at=known, hour=hours, is_rerun=pl.lit(False)))


@given(posts=st.lists(POSTS, min_size=1, max_size=30), at=MOMENTS)
def test_they_make_the_mood_of_the_profile(posts: list[Scored], at: datetime) -> None:
    weighed = behind(posts, known_at=NOON - timedelta(days=30)).weighed(at)
    profiles, _ = fold_profiles({}, frame(posts), 1)
    assert mood_from(weighed, at) == mood_of(decode(profiles["state"][0]), hour_of(at))
    assert weighed.is_empty() or weighed["share"].sum() == pytest.approx(1)


def test_weights_halve_each_day_and_end_with_the_horizon() -> None:
    ages = [0, HALF_LIFE_HOURS, HORIZON.total_seconds() / 3600 - 1, HORIZON.total_seconds() / 3600]
    posts = [Scored(created_at=NOON - timedelta(hours=age)) for age in ages]
    assert behind(posts).weighed(NOON)["weight"].to_list() == pytest.approx([1.0, 0.5, 0.5 ** (167 / 24)])


def test_what_was_not_known_then_did_not_weigh() -> None:
    posts = behind([Scored(created_at=NOON - timedelta(hours=2))], known_at=NOON)
    assert posts.weighed(NOON - timedelta(microseconds=1)).is_empty()
    assert posts.weighed(NOON).height == 1


def test_equals_are_told_the_newest_first() -> None:
    posts = [Scored(created_at=NOON + timedelta(minutes=each)) for each in (5, 40, 20)]
    told = behind(posts, known_at=NOON).weighed(NOON)
    assert told["created_at"].dt.minute().to_list() == [40, 20, 5]
