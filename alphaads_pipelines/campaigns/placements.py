"""Lengths of ad texts by placement, enforced after generation: a model that is told a limit does not keep it.

The numbers are the vendors': Google responsive search ads refuse more than 30 and 90, a double-width character counts
two (AdError.LINE_TOO_WIDE); Meta cuts after 40 and 125, which is a warning and no error.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

GOOGLE_SEARCH, META_FEED = "google_search", "meta_feed"


@dataclass(frozen=True, slots=True)
class Limit:
    """Most characters of a placement's two texts.

    Parameters
    ----------
    is_hard: the platform refuses a longer text; else it cuts it off on the screen.
    counts_double: a double-width character counts two.
    """

    headline: int
    body: int
    is_hard: bool
    counts_double: bool

    def length(self, text: str) -> int:
        """The text's length as the platform counts it."""
        return width(text) if self.counts_double else len(text)

    def exceeded(self, headline: str, body: str) -> bool:
        """Whether one of the texts is too long."""
        return self.length(headline) > self.headline or self.length(body) > self.body


LIMITS = {
    GOOGLE_SEARCH: Limit(headline=30, body=90, is_hard=True, counts_double=True),
    META_FEED: Limit(headline=40, body=125, is_hard=False, counts_double=False),
}


def width(text: str) -> int:
    """Width of a text: full-width characters are two wide."""
    return sum(2 if unicodedata.east_asian_width(character) in "FW" else 1 for character in text)
