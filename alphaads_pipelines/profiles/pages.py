"""A state that a batch adds to: only the pages that it touches are opened, the rest is copied as bytes.

So the cost of a person in a batch depends on some weeks of their life, not on all of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import add
from typing import TypeVar

from alphaads_pipelines.profiles import state as states
from alphaads_pipelines.profiles.state import HOUR_STRIDE, PAGE_HOURS, WIDTH, Named, Page, Stored

_Key = TypeVar("_Key", int, str)
_Value = TypeVar("_Value")


class OpenState:
    """One person's state while posts are added to it.

    Attributes
    ----------
    totals: counts over all hours, in the order of an hour's counts.
    span: first and last hour with posts, once there are any.
    languages, platforms: posts by each, in order of names.
    """

    __slots__ = ("_closed", "_opened", "languages", "platforms", "span", "totals")

    def __init__(self, stored: Stored) -> None:
        self.totals = stored.totals or [0] * WIDTH
        self.span = stored.span
        self.languages, self.platforms = stored.languages, stored.platforms
        self._closed = stored.pages
        self._opened: dict[int, Page] = {}

    @classmethod
    def of(cls, state: bytes | None) -> OpenState:
        """From stored bytes, or of somebody new. Raises SchemaMismatch."""
        return cls(Stored([], [], {}, {}, {}) if state is None else states.unseal(state))

    def add_hour(self, hour: int, counts: list[int]) -> list[int]:
        """Add an hour's counts; what the hour counts now."""
        self.totals = list(map(add, self.totals, counts))
        self.span = [min(self.span[0], hour), max(self.span[1], hour)] if self.span else [hour, hour]
        return _add_row(self._page(hour // PAGE_HOURS).hours, hour % PAGE_HOURS, counts)

    def add_language(self, name: str, posts: int) -> None:
        """Add posts in a language."""
        _put(self.languages, name, self.languages.get(name, 0) + posts)

    def add_platform(self, name: str, posts: int) -> None:
        """Add posts on a network."""
        _put(self.platforms, name, self.platforms.get(name, 0) + posts)

    def add_topics(self, hour: int, rows: Sequence[tuple[str, int, int]]) -> None:
        """Add what was said of topics within an hour: each topic once with its counts, in order of topics."""
        topics, place = self._page(hour // PAGE_HOURS).topics, hour % PAGE_HOURS
        if (held := topics.get(place)) is not None:
            rows = _summed(states.open_named(held), rows)
        named: Named = []
        for topic, mentions, milli in rows:
            named += (topic, mentions, milli)
        _put(topics, place, states.close_named(named))

    def hours_from(self, first: int) -> tuple[list[int], list[int]]:
        """The hours with posts from `first` on, in order of time; for each, HOUR_STRIDE integers as in a page."""
        hours: list[int] = []
        found: list[int] = []
        for number in range(first // PAGE_HOURS, self.span[1] // PAGE_HOURS + 1):
            if number in self._opened or number in self._closed:
                rows, base = self._page(number).hours, number * PAGE_HOURS
                offsets = rows[::HOUR_STRIDE]
                start = bisect_left(offsets, first - base)
                hours += [base + offset for offset in offsets[start:]]
                found += rows[start * HOUR_STRIDE :]
        return hours, found

    def seal(self) -> bytes:
        """Canonical bytes, the same as `encode` gives for the whole state."""
        for number, page in self._opened.items():
            _put(self._closed, number, states.close_page(page))
        return states.seal(Stored(self.totals, self.span, self.languages, self.platforms, self._closed))

    def _page(self, number: int) -> Page:
        page = self._opened.get(number)
        if page is None:
            raw = self._closed.get(number)
            page = self._opened[number] = Page([], {}) if raw is None else states.open_page(raw)
        return page


def _add_row(rows: list[int], hour: int, counts: list[int]) -> list[int]:
    """Add counts to the hour's row, in its place in time; the row's counts now."""
    if not rows or rows[-HOUR_STRIDE] < hour:
        rows.append(hour)
        rows += counts
        return counts
    at = bisect_left(rows[::HOUR_STRIDE], hour) * HOUR_STRIDE
    if rows[at] != hour:
        rows[at:at] = (hour, *counts)
        return counts
    after = list(map(add, rows[at + 1 : at + HOUR_STRIDE], counts))
    rows[at + 1 : at + HOUR_STRIDE] = after
    return after


def _summed(held: dict[str, list[int]], rows: Sequence[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    for topic, mentions, milli in rows:
        held_mentions, held_milli = held.get(topic, (0, 0))
        held[topic] = [held_mentions + mentions, held_milli + milli]
    return [(topic, mentions, milli) for topic, (mentions, milli) in sorted(held.items())]


def _put(held: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Set a value, and keep the keys in order."""
    is_late = bool(held) and key not in held and key < next(reversed(held))
    held[key] = value
    if is_late:
        in_order = sorted(held.items())
        held.clear()
        held.update(in_order)
