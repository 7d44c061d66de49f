"""Envelope v1: round trip, and rejection of everything else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import EnvelopeError
from alphaads_pipelines.privacy.envelope import SCHEMA_VERSION, Envelope, decode, encode

GOOD = Envelope(SCHEMA_VERSION, "x", 3, "s" * 32, "k" * 32, b"n" * 12, "c-1", 1_800_000_000_000_000, True, b"sealed")

envelopes = st.builds(
    Envelope,
    st.just(SCHEMA_VERSION),
    st.text(max_size=20),
    st.integers(0, 2**31 - 1),
    st.from_regex(r"[\w.-]{1,64}", fullmatch=True),
    st.from_regex(r"[0-9a-f]{32}", fullmatch=True),
    st.binary(min_size=12, max_size=12),
    st.text(max_size=40),
    st.integers(0, 253_402_300_799_999_999),
    st.booleans(),
    st.binary(max_size=200),
)


@settings(max_examples=100, deadline=None)
@given(envelopes)
def test_an_envelope_comes_back_as_it_was(envelope: Envelope) -> None:
    assert decode(encode(envelope)) == envelope


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_no_envelope(record: bytes) -> None:
    with pytest.raises(EnvelopeError):
        decode(record)


@settings(max_examples=300, deadline=None)
@given(envelopes, st.data())
def test_a_damaged_envelope_is_refused_or_still_whole(envelope: Envelope, data: st.DataObject) -> None:
    record = bytearray(encode(envelope))
    for _ in range(data.draw(st.integers(1, 4))):
        record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(record))
    except EnvelopeError:
        return
    assert found.schema_version == SCHEMA_VERSION
    assert decode(encode(found)) == found


def test_fields_that_a_later_writer_added_do_not_matter_unless_they_are_a_trap() -> None:
    more = b"\x9b" + encode(GOOD)[1:]
    assert decode(more + b"\x07") == GOOD
    with pytest.raises(EnvelopeError):
        decode(more + b"\x91" * 100_000 + b"\x07")


def test_text_that_is_no_utf_8_is_refused() -> None:
    record = encode(GOOD).replace(b"c-1", b"\xff-1")
    with pytest.raises(EnvelopeError):
        decode(record)


def test_a_cut_envelope_is_refused() -> None:
    record = encode(GOOD)
    for length in range(len(record)):
        with pytest.raises(EnvelopeError):
            decode(record[:length])


@pytest.mark.parametrize("version", [0, 2, -1, 2**40])
def test_an_unknown_version_is_refused_by_name(version: int) -> None:
    with pytest.raises(EnvelopeError, match=f"version {version} is not known"):
        decode(encode(msgspec.structs.replace(GOOD, schema_version=version)))


@pytest.mark.parametrize(
    "changed",
    [
        {"shard": -1},
        {"shard": 2**31},
        {"subject_id": ""},
        {"subject_id": "nul\0"},
        {"key_id": "line\n"},
        {"key_id": "k" * 65},
        {"nonce": b"n" * 11},
        {"nonce": b"n" * 13},
        {"observed_at_us": -1},
        {"observed_at_us": 2**62},
    ],
)
def test_what_no_column_could_hold_is_no_envelope(changed: dict[str, Any]) -> None:
    with pytest.raises(EnvelopeError):
        decode(encode(msgspec.structs.replace(GOOD, **changed)))


def test_the_seal_binds_every_field_that_says_whose_the_body_is() -> None:
    bound = {GOOD.associated_data()}
    changes: list[dict[str, Any]] = [
        *({"schema_version": 2}, {"platform": "y"}, {"shard": 4}),
        *({"subject_id": "t" * 32}, {"key_id": "l" * 32}),
    ]
    for changed in changes:
        bound.add(msgspec.structs.replace(GOOD, **changed).associated_data())
    assert len(bound) == 6
