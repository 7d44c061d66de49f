"""A person's state: integer counts per hour, from which everything about them is derived.

Sums of integers do not care about order, so shuffled, late and split input gives the same state, and taking a post out
again gives the state of never having had it. The encoding is canonical: equal states have equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.tables import EMOTIONS

FORMAT = 1
POSTS, SCORED, SENTIMENT_SUM_MILLI, FIRST_EMOTION = 0, 1, 2, 3
"""Places in an hour's counts; the emotions follow in the order of `tables.EMOTIONS`."""
WIDTH = FIRST_EMOTION + len(EMOTIONS)


class ProfileState(msgspec.Struct, array_like=True):
    """What is kept of one person.

    Attributes
    ----------
    format: version of this layout.
    hours: hour since the epoch (UTC) -> counts [posts, scored posts, sum of (positive - negative) in thousandths,
        posts of each emotion].
    languages, platforms: posts by ISO 639-1 code and by network.
    """

    format: int
    hours: dict[int, list[int]]
    languages: dict[str, int]
    platforms: dict[str, int]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProfileState)


def empty() -> ProfileState:
    """The state of somebody who has not posted."""
    return ProfileState(FORMAT, {}, {}, {})


def encode(state: ProfileState) -> bytes:
    """Canonical bytes: hours, languages and platforms sorted, empty ones left out."""
    return _encoder.encode(
        ProfileState(
            state.format,
            {hour: counts for hour, counts in sorted(state.hours.items()) if any(counts)},
            {name: count for name, count in sorted(state.languages.items()) if count},
            {name: count for name, count in sorted(state.platforms.items()) if count},
        )
    )


def decode(state: bytes) -> ProfileState:
    """Read `encode`'s bytes. Raises SchemaMismatch."""
    try:
        held = _decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise SchemaMismatch("a profile state cannot be read") from error
    if held.format != FORMAT:
        raise SchemaMismatch(f"a profile state has format {held.format}; this code reads {FORMAT}")
    return held


def add_hour(state: ProfileState, hour: int, counts: list[int], sign: int = 1) -> list[int]:
    """Add counts of an hour (or, with `sign` -1, take them out); the hour's new counts."""
    held = state.hours.get(hour)
    summed = (
        [sign * count for count in counts]
        if held is None
        else [a + sign * b for a, b in zip(held, counts, strict=True)]
    )
    state.hours[hour] = summed
    return summed


def add_counts(held: dict[str, int], counts: Mapping[str, int], sign: int = 1) -> None:
    """Add counts by name in place."""
    for name, count in counts.items():
        held[name] = held.get(name, 0) + sign * count


def combine(state: ProfileState, other: ProfileState, sign: int = 1) -> ProfileState:
    """`state` plus (or, with `sign` -1, minus) `other`; neither is changed."""
    result = decode(encode(state))
    for hour, counts in other.hours.items():
        add_hour(result, hour, counts, sign)
    add_counts(result.languages, other.languages, sign)
    add_counts(result.platforms, other.platforms, sign)
    return result
