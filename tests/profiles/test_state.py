"""A person's state: sums of integers with one encoding."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.profiles.state import FORMAT, WIDTH, ProfileState, combine, decode, empty, encode

_counts = st.lists(st.integers(0, 50), min_size=WIDTH, max_size=WIDTH)
_names = st.dictionaries(st.sampled_from(("de", "en", "es")), st.integers(0, 9))
states = st.builds(
    ProfileState, st.just(FORMAT), st.dictionaries(st.integers(-50, 500_000), _counts, max_size=6), _names, _names
)


@settings(max_examples=60)
@given(states)
def test_what_is_encoded_comes_back(state: ProfileState) -> None:
    read = decode(encode(state))
    assert read.hours == {hour: counts for hour, counts in state.hours.items() if any(counts)}
    assert read.languages == {name: count for name, count in state.languages.items() if count}
    assert encode(read) == encode(state)


@settings(max_examples=60)
@given(states, st.randoms(use_true_random=False))
def test_equal_states_have_equal_bytes(state: ProfileState, dice: random.Random) -> None:
    hours = list(state.hours.items())
    dice.shuffle(hours)
    assert encode(ProfileState(FORMAT, dict(hours), state.languages, state.platforms)) == encode(state)


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
