"""A person's state: integer counts per hour, from which everything about them is derived.

Sums of integers do not care about order, so shuffled, late and split input gives the same state, and taking a post out
again gives the state of never having had it. The encoding is canonical: equal states have equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.tables import EMOTIONS

FORMAT = 2
_READ_FORMATS = (1, FORMAT)
"""Format 1 knew no topics: such a state is read as one of somebody who named nothing yet."""
POSTS, SCORED, SENTIMENT_SUM_MILLI, FIRST_EMOTION = 0, 1, 2, 3
"""Places in an hour's counts; the emotions follow in the order of `tables.EMOTIONS`."""
WIDTH = FIRST_EMOTION + len(EMOTIONS)
MENTIONS, TOPIC_SENTIMENT_SUM_MILLI = 0, 1
"""Places in a topic's counts of an hour."""


class ProfileState(msgspec.Struct, array_like=True):
    """What is kept of one person.

    Attributes
    ----------
    format: version of this layout; what is read or made anew has the newest.
    hours: hour since the epoch (UTC) -> counts [posts, scored posts, sum of (positive - negative) in thousandths,
        posts of each emotion].
    languages, platforms: posts by ISO 639-1 code and by network.
    topics: topic -> hour -> counts [posts that name it, their sum of (positive - negative) in thousandths]. A topic is
        the id of a tracked name, or else the token of a name; of a name that nobody tracks no text is kept.
    """

    format: int
    hours: dict[int, list[int]]
    languages: dict[str, int]
    platforms: dict[str, int]
    topics: dict[str, dict[int, list[int]]] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ProfileState)


def empty() -> ProfileState:
    """The state of somebody who has not posted."""
    return ProfileState(FORMAT, {}, {}, {})


def encode(state: ProfileState) -> bytes:
    """Canonical bytes: hours, languages, platforms and topics sorted, empty ones left out."""
    topics = {topic: _in_order(hours) for topic, hours in sorted(state.topics.items())}
    return _encoder.encode(
        ProfileState(
            FORMAT,
            _in_order(state.hours),
            {name: count for name, count in sorted(state.languages.items()) if count},
            {name: count for name, count in sorted(state.platforms.items()) if count},
            {topic: hours for topic, hours in topics.items() if hours},
        )
    )


def _in_order(hours: Mapping[int, list[int]]) -> dict[int, list[int]]:
    return {hour: counts for hour, counts in sorted(hours.items()) if any(counts)}


def decode(state: bytes) -> ProfileState:
    """Read `encode`'s bytes, of this format or an older one. Raises SchemaMismatch."""
    try:
        held = _decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise SchemaMismatch("a profile state cannot be read") from error
    if held.format not in _READ_FORMATS:
        raise SchemaMismatch(f"a profile state has format {held.format}; this code reads up to {FORMAT}")
    held.format = FORMAT
    return held


def add_hour(state: ProfileState, hour: int, counts: list[int], sign: int = 1) -> list[int]:
    """Add counts of an hour (or, with `sign` -1, take them out); the hour's new counts."""
    return _add(state.hours, hour, counts, sign)


def add_topic(state: ProfileState, topic: str, hour: int, counts: list[int], sign: int = 1) -> list[int]:
    """Add what was said of a topic within an hour (or take it out); the topic's new counts of that hour."""
    return _add(state.topics.setdefault(topic, {}), hour, counts, sign)


def _add(hours: dict[int, list[int]], hour: int, counts: list[int], sign: int) -> list[int]:
    held = hours.get(hour)
    summed = (
        [sign * count for count in counts]
        if held is None
        else [a + sign * b for a, b in zip(held, counts, strict=True)]
    )
    hours[hour] = summed
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
    for topic, hours in other.topics.items():
        for hour, counts in hours.items():
            add_topic(result, topic, hour, counts, sign)
    return result
