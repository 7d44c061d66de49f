"""A person's state: sums of integers with one encoding."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.profiles.state import FORMAT, WIDTH, ProfileState, combine, decode, empty, encode

_counts = st.lists(st.integers(0, 50), min_size=WIDTH, max_size=WIDTH)
_names = st.dictionaries(st.sampled_from(("de", "en", "es")), st.integers(0, 9))
_hours = st.integers(-50, 500_000)
_mentions = st.tuples(st.integers(0, 9), st.integers(-9_000, 9_000)).map(list)
_topics = st.dictionaries(
    st.sampled_from(("brand-1", "brand-2", "token")), st.dictionaries(_hours, _mentions, max_size=3), max_size=3
)
states = st.builds(ProfileState, st.just(FORMAT), st.dictionaries(_hours, _counts, max_size=6), _names, _names, _topics)


def _backwards(named: dict[Any, Any]) -> dict[Any, Any]:
    return dict(reversed(named.items()))


@settings(max_examples=60)
@given(states)
def test_what_is_encoded_comes_back(state: ProfileState) -> None:
    read = decode(encode(state))
    assert read.hours == {hour: counts for hour, counts in state.hours.items() if any(counts)}
    assert read.languages == {name: count for name, count in state.languages.items() if count}
    assert all(any(counts) for hours in read.topics.values() for counts in hours.values())
    assert {
        topic: hours for topic, hours in state.topics.items() if any(map(any, hours.values()))
    }.keys() == read.topics.keys()
    assert encode(read) == encode(state)


@settings(max_examples=60)
@given(states, st.randoms(use_true_random=False))
def test_equal_states_have_equal_bytes(state: ProfileState, dice: random.Random) -> None:
    hours = list(state.hours.items())
    dice.shuffle(hours)
    topics = _backwards({topic: _backwards(counted) for topic, counted in state.topics.items()})
    shuffled = ProfileState(FORMAT, dict(hours), _backwards(state.languages), _backwards(state.platforms), topics)
    assert encode(shuffled) == encode(state)


@settings(max_examples=60)
@given(states, states)
def test_adding_does_not_care_about_order(one: ProfileState, other: ProfileState) -> None:
    assert encode(combine(one, other)) == encode(combine(other, one))


@settings(max_examples=60)
@given(states, states)
def test_taking_out_gives_the_state_of_never_having_had(one: ProfileState, other: ProfileState) -> None:
    before = encode(one)
    assert encode(combine(combine(one, other), other, sign=-1)) == before
    assert encode(one) == before, "combining changes neither of its arguments"


def test_a_state_without_topics_is_read_in_its_older_format() -> None:
    hours, languages, platforms = {473_000: [1, 1, 250, 0, 0, 0, 1, 0, 0, 0]}, {"en": 1}, {"x": 1}
    old = msgspec.msgpack.encode([1, hours, languages, platforms])
    assert encode(decode(old)) == encode(ProfileState(FORMAT, hours, languages, platforms))


def test_the_empty_state_is_small_and_comes_back() -> None:
    assert decode(encode(empty())) == empty()
    assert len(encode(empty())) < 8


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"\xff",
        msgspec.msgpack.encode("text"),
        msgspec.msgpack.encode([FORMAT, {"hour": [1]}, {}, {}]),
        msgspec.msgpack.encode([FORMAT + 1, {}, {}, {}]),
    ],
)
def test_what_is_no_state_of_this_format_is_refused(stored: bytes) -> None:
    with pytest.raises(SchemaMismatch):
        decode(stored)
