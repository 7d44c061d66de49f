"""Add a batch to a state, decoding only the pages touched.

So a batch costs some weeks of a person's history, not all of it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import add
from typing import TypeVar

from alphaads_pipelines.profiles.count_fields import WIDTH
from alphaads_pipelines.profiles.state import StoredState, seal, unseal
from alphaads_pipelines.profiles.state_pages import PAGE_HOURS, ROW, Page, Topic

_Key = TypeVar("_Key", int, str)
_Value = TypeVar("_Value")


class StateWriter:
    """A state under modification.

    Attributes
    ----------
    totals: counts over all hours. span: first and last hour, if any.
    languages, platforms: posts, sorted by name.
    """

    __slots__ = ("_closed", "_opened", "languages", "platforms", "span", "totals")

    def __init__(self, stored: StoredState) -> None:
        self.totals = stored.totals or [0] * WIDTH
        self.span = stored.span
        self.languages, self.platforms = stored.languages, stored.platforms
        self._closed = stored.pages
        self._opened: dict[int, Page] = {}

    @classmethod
    def of(cls, state: bytes | None) -> StateWriter:
        """From stored bytes, or new. Raises SchemaMismatch."""
        return cls(StoredState([], [], {}, {}, {}) if state is None else unseal(state))

    def add_hour(self, hour: int, counts: list[int]) -> list[int]:
        """Add an hour's counts; returns the sums."""
        self.totals = list(map(add, self.totals, counts))
        self.span = [min(self.span[0], hour), max(self.span[1], hour)] if self.span else [hour, hour]
        return self._page(hour // PAGE_HOURS).add_hour(hour % PAGE_HOURS, counts)

    def add_topics(self, hour: int, topics: Sequence[Topic]) -> None:
        """Add topics of an hour, unique and sorted."""
        self._page(hour // PAGE_HOURS).add_topics(hour % PAGE_HOURS, topics)

    def add_language(self, name: str, posts: int) -> None:
        """Add posts in a language."""
        _put(self.languages, name, self.languages.get(name, 0) + posts)

    def add_platform(self, name: str, posts: int) -> None:
        """Add posts on a network."""
        _put(self.platforms, name, self.platforms.get(name, 0) + posts)

    def rows_from(self, hour: int) -> Iterator[tuple[int, array[int]]]:
        """Rows from `hour` on, with each page's first hour."""
        for number in range(hour // PAGE_HOURS, self.span[1] // PAGE_HOURS + 1):
            if number in self._opened or number in self._closed:
                rows, first = self._page(number).rows, number * PAGE_HOURS
                yield first, rows[bisect_left(rows[::ROW], hour - first) * ROW :]

    def seal(self) -> bytes:
        """Canonical bytes, as from `encode`."""
        for number, page in self._opened.items():
            _put(self._closed, number, page.close())
        return seal(StoredState(self.totals, self.span, self.languages, self.platforms, self._closed))

    def _page(self, number: int) -> Page:
        page = self._opened.get(number)
        if page is None:
            raw = self._closed.get(number)
            page = self._opened[number] = Page() if raw is None else Page.open(raw)
        return page


def _put(held: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Set a value, keeping keys sorted."""
    is_late = bool(held) and key not in held and key < next(reversed(held))
    held[key] = value
    if is_late:
        in_order = sorted(held.items())
        held.clear()
        held.update(in_order)
