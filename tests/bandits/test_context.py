"""Contexts: facts and their vector."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.bandits.context import FEATURES, VERSION, facts_of, vector
from alphaads_pipelines.profiles.fold import fold_profiles
from alphaads_pipelines.profiles.profile_summary import summarise
from alphaads_pipelines.profiles.state import decode
from tests.profiles.scores import Scored, frame

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)  # a Tuesday
NAMES = "mood emotions sentiment mood_trend hour weekday platform placement segment posts other".split()
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["joy", "x"]), inner, max_size=2),
    max_leaves=4,
)


def test_the_layout_is_the_one_that_its_version_names() -> None:
    """A change here needs a new VERSION, which resets policies of the old layout."""
    assert (VERSION, FEATURES) == (1, 48)
    facts = {
        "mood": "disgust",
        "emotions": {"joy": 0.75, "surprise": 0.25},
        "sentiment": -0.5,
        "mood_trend": "falling",
        "hour": 6,
        "weekday": 5,
        "platform": "linkedin",
        "placement": "feed",
        "segment": "s1",
        "posts": 0,
    }
    told = vector(facts)
    assert np.flatnonzero(told.round(9)).tolist() == [0, 2, 11, 14, 15, 16, 18, 19, 22, 23, 24, 25, 29, 34, 39]
    assert told[[11, 14, 15, 16]].tolist() == [0.75, 0.25, -0.5, 1.0]
    assert told[19:23] == pytest.approx([1.0, 0.0, 0.0, -1.0], abs=1e-12)


def test_of_what_is_absent_every_number_is_zero() -> None:
    assert vector({}).tolist() == [1.0] + [0.0] * (FEATURES - 1)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_any_facts_give_a_vector_within_bounds(facts: dict[str, Any]) -> None:
    told = vector(facts)
    assert told.shape == (FEATURES,)
    assert np.isfinite(told).all()
    assert np.abs(told).max() <= 1.0


def test_the_facts_of_a_decision_can_be_logged_and_give_the_same_vector() -> None:
    posts = [Scored(subject_id="a" * 32, created_at=NOON), Scored(subject_id="a" * 32, created_at=NOON)]
    state = fold_profiles({}, frame(posts), 1)[0]["state"][0]
    profile = summarise(decode(state), NOON)
    facts = facts_of(NOON, "feed", mood=profile.mood, profile=profile, segment="s2")
    assert facts["mood"] == "joy"
    assert facts["emotions"] == {"joy": 1.0}
    assert (facts["hour"], facts["weekday"], facts["posts"]) == (12, 1, 2)
    assert vector(json.loads(json.dumps(facts))).tolist() == vector(facts).tolist()


def test_without_a_person_there_are_moment_and_placement_alone() -> None:
    assert facts_of(NOON, "feed") == {"hour": 12, "weekday": 1, "placement": "feed"}


def test_placements_and_segments_of_any_name_have_a_place() -> None:
    places = {tuple(vector({"placement": f"place-{n}"}).tolist()) for n in range(100)}
    assert len(places) == 8
