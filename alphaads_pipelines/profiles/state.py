"""A person's state: hourly integer counts, from which all else derives.

Sums do not depend on order, so shuffled, late and split input gives the same state, and subtracting a post undoes it.
The encoding is canonical: equal states have equal bytes. Hours are stored in pages of about three weeks
(state_pages.py); a batch opens only those it touches (state_writer.py), so long histories cost little more.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.profiles.count_fields import FIRST_EMOTION as FIRST_EMOTION
from alphaads_pipelines.profiles.count_fields import MENTIONS as MENTIONS
from alphaads_pipelines.profiles.count_fields import POSTS as POSTS
from alphaads_pipelines.profiles.count_fields import SCORED as SCORED
from alphaads_pipelines.profiles.count_fields import SENTIMENT_SUM_MILLI as SENTIMENT_SUM_MILLI
from alphaads_pipelines.profiles.count_fields import TOPIC_SENTIMENT_SUM_MILLI as TOPIC_SENTIMENT_SUM_MILLI
from alphaads_pipelines.profiles.count_fields import WIDTH as WIDTH
from alphaads_pipelines.profiles.state_pages import PAGE_HOURS, Page, Topic

FORMAT = 2

Hours = dict[int, list[int]]
"""Hour since the epoch (UTC) -> counts."""


class ProfileState(msgspec.Struct):
    """A person's counts.

    Attributes
    ----------
    format: the newest once decoded.
    hours: hour since the epoch (UTC) -> [posts, scored posts, sum of (positive - negative) in thousandths, posts of
        each emotion].
    languages, platforms: posts by ISO 639-1 code and by network.
    topics: topic -> hour -> [mentions, sum of (positive - negative) in thousandths]. A topic is a tracked name's id, or
        a token: text of untracked names is not kept.
    """

    format: int
    hours: Hours
    languages: dict[str, int]
    platforms: dict[str, int]
    topics: dict[str, Hours] = {}


class StoredState(msgspec.Struct, array_like=True, tag=FORMAT):
    """A stored state, sorted, pages undecoded.

    Attributes
    ----------
    totals, span: summed counts, first and last hour; empty without hours.
    pages: hour // PAGE_HOURS -> encoded page.
    """

    totals: list[int]
    span: list[int]
    languages: dict[str, int]
    platforms: dict[str, int]
    pages: dict[int, msgspec.Raw]


class _Format1(msgspec.Struct, array_like=True, tag=1):
    """The layout without topics and pages."""

    hours: Hours
    languages: dict[str, int]
    platforms: dict[str, int]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredState | _Format1)


def empty() -> ProfileState:
    """The state without posts."""
    return ProfileState(FORMAT, {}, {}, {})


def encode(state: ProfileState) -> bytes:
    """Canonical bytes: sorted, without empty entries."""
    return seal(_stored(state))


def decode(state: bytes) -> ProfileState:
    """Decode any format. Raises SchemaMismatch."""
    stored = unseal(state)
    hours: Hours = {}
    topics: dict[str, Hours] = {}
    for number, raw in stored.pages.items():
        first = number * PAGE_HOURS
        for hour, counts, named in Page.open(raw).hours():
            if any(counts):
                hours[first + hour] = counts
            for topic, mentions, milli in named:
                topics.setdefault(topic, {})[first + hour] = [mentions, milli]
    return ProfileState(FORMAT, hours, stored.languages, stored.platforms, topics)


def seal(stored: StoredState) -> bytes:
    """Encode a sorted state."""
    return _encoder.encode(stored)


def unseal(state: bytes) -> StoredState:
    """Decode a state without its pages. Raises SchemaMismatch."""
    try:
        stored: StoredState | _Format1 = _decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise SchemaMismatch(f"a profile state cannot be read; this code reads formats up to {FORMAT}") from error
    if isinstance(stored, _Format1):
        return _stored(ProfileState(FORMAT, stored.hours, stored.languages, stored.platforms))
    return stored


def _stored(state: ProfileState) -> StoredState:
    pages: dict[int, Page] = {}
    hours = _sorted_hours(state.hours)
    for hour, counts in hours.items():
        _page_of(pages, hour).add_hour(hour % PAGE_HOURS, counts)
    for hour, named in sorted(_by_hour(state.topics).items()):
        _page_of(pages, hour).add_topics(hour % PAGE_HOURS, named)
    return StoredState(
        [sum(column) for column in zip(*hours.values(), strict=True)],
        [min(hours), max(hours)] if hours else [],
        {name: count for name, count in sorted(state.languages.items()) if count},
        {name: count for name, count in sorted(state.platforms.items()) if count},
        {number: page.close() for number, page in sorted(pages.items())},
    )


def _by_hour(topics: Mapping[str, Hours]) -> dict[int, list[Topic]]:
    named: dict[int, list[Topic]] = {}
    for topic, hours in sorted(topics.items()):
        for hour, (mentions, milli) in hours.items():
            if mentions or milli:
                named.setdefault(hour, []).append((topic, mentions, milli))
    return named


def _page_of(pages: dict[int, Page], hour: int) -> Page:
    number = hour // PAGE_HOURS
    return pages[number] if number in pages else pages.setdefault(number, Page())


def _sorted_hours(hours: Hours) -> Hours:
    return {hour: counts for hour, counts in sorted(hours.items()) if any(counts)}


def add_hour(state: ProfileState, hour: int, counts: list[int], sign: int = 1) -> list[int]:
    """Add (`sign` -1: subtract) an hour's counts; returns the sums."""
    return _add(state.hours, hour, counts, sign)


def add_topic(state: ProfileState, topic: str, hour: int, counts: list[int], sign: int = 1) -> list[int]:
    """Add (or subtract) a topic's counts of an hour; returns the sums."""
    return _add(state.topics.setdefault(topic, {}), hour, counts, sign)


def _add(hours: Hours, hour: int, counts: list[int], sign: int) -> list[int]:
    current = hours.get(hour)
    summed = (
        [sign * count for count in counts]
        if current is None
        else [a + sign * b for a, b in zip(current, counts, strict=True)]
    )
    hours[hour] = summed
    return summed


def add_counts(current: dict[str, int], counts: Mapping[str, int], sign: int = 1) -> None:
    """Add counts by name in place."""
    for name, count in counts.items():
        current[name] = current.get(name, 0) + sign * count


def combine(state: ProfileState, other: ProfileState, sign: int = 1) -> ProfileState:
    """`state` plus (`sign` -1: minus) `other`, as a new state."""
    result = decode(encode(state))
    for hour, counts in other.hours.items():
        add_hour(result, hour, counts, sign)
    add_counts(result.languages, other.languages, sign)
    add_counts(result.platforms, other.platforms, sign)
    for topic, hours in other.topics.items():
        for hour, counts in hours.items():
            add_topic(result, topic, hour, counts, sign)
    return result
