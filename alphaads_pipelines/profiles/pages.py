"""A state that a batch adds to: only the pages that it touches are opened, the rest is copied as bytes.

So the cost of a person in a batch depends on some weeks of their life, not on all of it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from operator import add
from typing import TypeVar

from alphaads_pipelines.profiles import state as states
from alphaads_pipelines.profiles.state import (
    FIRST_EMOTION,
    HOUR_STRIDE,
    PAGE_HOURS,
    TOPIC_STRIDE,
    WIDTH,
    Page,
    Stored,
)

_Key = TypeVar("_Key", int, str)
_Value = TypeVar("_Value")


class OpenState:
    """One person's state while posts are added to it.

    Attributes
    ----------
    totals: counts over all hours, in the order of an hour's counts.
    span: first and last hour with posts, once there are any.
    languages, platforms: posts by each; callers add to them in place.
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

    def add_hour(self, hour: int, counts: Sequence[int]) -> Sequence[int]:
        """Add an hour's counts; what the hour counts now."""
        self.totals = list(map(add, self.totals, counts))
        self.span = [min(self.span[0], hour), max(self.span[1], hour)] if self.span else [hour, hour]
        return _add_row(self._page(hour // PAGE_HOURS).hours, HOUR_STRIDE, hour % PAGE_HOURS, counts)

    def add_topic(self, topic: str, hour: int, counts: Sequence[int]) -> None:
        """Add what was said of a topic within an hour."""
        topics = self._page(hour // PAGE_HOURS).topics
        _add_row(topics.setdefault(topic, []), TOPIC_STRIDE, hour % PAGE_HOURS, counts)

    def emotions(self, first: int, last: int) -> tuple[list[int], list[list[int]]]:
        """The hours with posts from `first` to `last` in order of time; for each emotion, its posts in these hours."""
        hours: list[int] = []
        found: list[int] = []
        for number in range(first // PAGE_HOURS, last // PAGE_HOURS + 1):
            if number in self._closed or number in self._opened:
                rows, base = self._page(number).hours, number * PAGE_HOURS
                offsets = rows[::HOUR_STRIDE]
                start, end = bisect_left(offsets, first - base), bisect_left(offsets, last + 1 - base)
                hours += [base + offset for offset in offsets[start:end]]
                found += rows[start * HOUR_STRIDE : end * HOUR_STRIDE]
        return hours, [found[place::HOUR_STRIDE] for place in range(1 + FIRST_EMOTION, HOUR_STRIDE)]

    def seal(self) -> bytes:
        """Canonical bytes, the same as `encode` gives for the whole state."""
        pages = self._closed
        for number, page in self._opened.items():
            pages[number] = states.close_page(Page(page.hours, _in_order(page.topics)))
        return states.seal(
            Stored(self.totals, self.span, _in_order(self.languages), _in_order(self.platforms), _in_order(pages))
        )

    def _page(self, number: int) -> Page:
        page = self._opened.get(number)
        if page is None:
            raw = self._closed.get(number)
            page = self._opened[number] = Page([], {}) if raw is None else states.open_page(raw)
        return page


def _add_row(rows: list[int], stride: int, hour: int, counts: Sequence[int]) -> Sequence[int]:
    """Add counts to the hour's row, in its place in time; the row's counts now."""
    if not rows or rows[-stride] < hour:
        rows.append(hour)
        rows.extend(counts)
        return counts
    at = bisect_left(rows[::stride], hour) * stride
    if rows[at] != hour:
        rows[at:at] = (hour, *counts)
        return counts
    after = list(map(add, rows[at + 1 : at + stride], counts))
    rows[at + 1 : at + stride] = after
    return after


def _in_order(named: dict[_Key, _Value]) -> dict[_Key, _Value]:
    return dict(sorted(named.items())) if len(named) > 1 else named
