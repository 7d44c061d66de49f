"""A person's state: integer counts per hour, from which everything about them is derived.

Sums of integers do not care about order, so shuffled, late and split input gives the same state, and taking a post out
again gives the state of never having had it. The encoding is canonical: equal states have equal bytes.

Stored, the hours lie in pages of about three weeks beside their total, so that a batch opens the pages that it touches
(pages.py) and a person with years behind them costs it little more than a new one. A page holds its hours one after the
other in one list of integers, for a list apiece is most of what reading a state costs, and what was named in an hour
closed up once more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.tables import EMOTIONS

FORMAT = 2
POSTS, SCORED, SENTIMENT_SUM_MILLI, FIRST_EMOTION = 0, 1, 2, 3
"""Places in an hour's counts; the emotions follow in the order of `tables.EMOTIONS`."""
WIDTH = FIRST_EMOTION + len(EMOTIONS)
MENTIONS, TOPIC_SENTIMENT_SUM_MILLI = 0, 1
"""Places in a topic's counts of an hour."""
PAGE_HOURS = 512
HOUR_STRIDE = 1 + WIDTH
"""Integers in a page for an hour: the hour within the page, then its counts."""
TOPIC_STRIDE = 3
"""What stands in an hour for a topic: its name, then its counts."""

Hours = dict[int, list[int]]
"""Hour since the epoch (UTC) -> counts."""
Named = list[str | int]
"""Of one hour: TOPIC_STRIDE values for each topic, in order of topics."""


class ProfileState(msgspec.Struct):
    """What is kept of one person.

    Attributes
    ----------
    format: version of the stored layout; what is read or made anew has the newest.
    hours: hour since the epoch (UTC) -> counts [posts, scored posts, sum of (positive - negative) in thousandths,
        posts of each emotion].
    languages, platforms: posts by ISO 639-1 code and by network.
    topics: topic -> hour -> counts [posts that name it, their sum of (positive - negative) in thousandths]. A topic is
        the id of a tracked name, or else the token of a name; of a name that nobody tracks no text is kept.
    """

    format: int
    hours: Hours
    languages: dict[str, int]
    platforms: dict[str, int]
    topics: dict[str, Hours] = {}


class Page(msgspec.Struct, array_like=True):
    """What lies within PAGE_HOURS hours, in order of time.

    Attributes
    ----------
    hours: HOUR_STRIDE integers for each hour.
    topics: hour within the page -> the bytes of Named, for hours in which something was named.
    """

    hours: list[int]
    topics: dict[int, msgspec.Raw]


class Stored(msgspec.Struct, array_like=True, tag=FORMAT):
    """A state as it is stored: everything in order, each page closed until somebody asks for it.

    Attributes
    ----------
    totals: sum of the counts of all hours; empty if there are none.
    span: the first and the last hour; empty likewise.
    pages: hour // PAGE_HOURS -> the bytes of a Page.
    """

    totals: list[int]
    span: list[int]
    languages: dict[str, int]
    platforms: dict[str, int]
    pages: dict[int, msgspec.Raw]


class _Format1(msgspec.Struct, array_like=True, tag=1):
    """The layout before there were topics and pages."""

    hours: Hours
    languages: dict[str, int]
    platforms: dict[str, int]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Stored | _Format1)
_page_decoder = msgspec.msgpack.Decoder(Page)
_named_decoder = msgspec.msgpack.Decoder(Named)


def empty() -> ProfileState:
    """The state of somebody who has not posted."""
    return ProfileState(FORMAT, {}, {}, {})


def encode(state: ProfileState) -> bytes:
    """Canonical bytes: pages, hours, languages, platforms and topics sorted, empty ones left out."""
    return seal(_stored(state))


def decode(state: bytes) -> ProfileState:
    """Read `encode`'s bytes, of this format or an older one. Raises SchemaMismatch."""
    stored = unseal(state)
    hours: Hours = {}
    topics: dict[str, Hours] = {}
    for number, raw in stored.pages.items():
        page, first = open_page(raw), number * PAGE_HOURS
        for at in range(0, len(page.hours), HOUR_STRIDE):
            hours[first + page.hours[at]] = page.hours[at + 1 : at + HOUR_STRIDE]
        for hour, closed in page.topics.items():
            for topic, counts in open_named(closed).items():
                topics.setdefault(topic, {})[first + hour] = counts
    return ProfileState(FORMAT, hours, stored.languages, stored.platforms, topics)


def seal(stored: Stored) -> bytes:
    """The bytes of what is in order already."""
    return _encoder.encode(stored)


def unseal(state: bytes) -> Stored:
    """Read a state without opening its pages. Raises SchemaMismatch."""
    try:
        held: Stored | _Format1 = _decoder.decode(state)
    except msgspec.MsgspecError as error:
        raise SchemaMismatch(f"a profile state cannot be read; this code reads formats up to {FORMAT}") from error
    if isinstance(held, _Format1):
        return _stored(ProfileState(FORMAT, held.hours, held.languages, held.platforms))
    return held


def open_page(raw: msgspec.Raw) -> Page:
    """Read a page. Raises SchemaMismatch."""
    try:
        return _page_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise SchemaMismatch("a page of a profile state cannot be read") from error


def open_named(raw: msgspec.Raw) -> dict[str, list[int]]:
    """Topic -> counts, in order of topics. Raises SchemaMismatch."""
    try:
        named: list[Any] = _named_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise SchemaMismatch("an hour of a profile state cannot be read") from error
    return {named[at]: named[at + 1 : at + TOPIC_STRIDE] for at in range(0, len(named), TOPIC_STRIDE)}


def close_named(named: Named) -> msgspec.Raw:
    """The bytes of what was named in an hour, which is in order already."""
    return msgspec.Raw(_encoder.encode(named))


def close_page(page: Page) -> msgspec.Raw:
    """The bytes of a page whose hours and topics are in order already."""
    return msgspec.Raw(_encoder.encode(page))


def _stored(state: ProfileState) -> Stored:
    pages: dict[int, Page] = {}
    hours = _in_order(state.hours)
    for hour, counts in hours.items():
        _page_of(pages, hour).hours.extend((hour % PAGE_HOURS, *counts))
    for hour, named in sorted(_by_hour(state.topics).items()):
        _page_of(pages, hour).topics[hour % PAGE_HOURS] = close_named(named)
    return Stored(
        [sum(column) for column in zip(*hours.values(), strict=True)],
        [min(hours), max(hours)] if hours else [],
        {name: count for name, count in sorted(state.languages.items()) if count},
        {name: count for name, count in sorted(state.platforms.items()) if count},
        {number: close_page(page) for number, page in sorted(pages.items())},
    )


def _by_hour(topics: Mapping[str, Hours]) -> dict[int, Named]:
    named: dict[int, Named] = {}
    for topic, hours in sorted(topics.items()):
        for hour, counts in hours.items():
            if any(counts):
                named.setdefault(hour, []).extend((topic, *counts))
    return named


def _page_of(pages: dict[int, Page], hour: int) -> Page:
    return pages.setdefault(hour // PAGE_HOURS, Page([], {}))


def _in_order(hours: Hours) -> Hours:
    return {hour: counts for hour, counts in sorted(hours.items()) if any(counts)}


def add_hour(state: ProfileState, hour: int, counts: list[int], sign: int = 1) -> list[int]:
    """Add counts of an hour (or, with `sign` -1, take them out); the hour's new counts."""
    return _add(state.hours, hour, counts, sign)


def add_topic(state: ProfileState, topic: str, hour: int, counts: list[int], sign: int = 1) -> list[int]:
    """Add what was said of a topic within an hour (or take it out); the topic's new counts of that hour."""
    return _add(state.topics.setdefault(topic, {}), hour, counts, sign)


def _add(hours: Hours, hour: int, counts: list[int], sign: int) -> list[int]:
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
