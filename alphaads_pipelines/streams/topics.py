"""The three topics of an installation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topics:
    """Topic names of sealed posts, decisions and events. Iterates in that order."""

    posts: str
    decisions: str
    events: str

    def __iter__(self) -> Iterator[str]:
        return iter((self.posts, self.decisions, self.events))
