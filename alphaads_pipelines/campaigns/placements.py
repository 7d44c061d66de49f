"""Length limits of ad texts by placement, enforced because models exceed them.

Google's responsive search ads reject more than 30 and 90 characters, double-width ones counting two
(AdError.LINE_TOO_WIDE); Meta truncates after 40 and 125.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

GOOGLE_SEARCH, META_FEED = "google_search", "meta_feed"


@dataclass(frozen=True, slots=True)
class Limit:
    """A placement's limits in characters.

    Parameters
    ----------
    is_hard: the platform rejects longer texts; otherwise it truncates them.
    counts_double: double-width characters count two.
    """

    headline: int
    body: int
    is_hard: bool
    counts_double: bool

    def length(self, text: str) -> int:
        """Length as the platform counts it."""
        return width(text) if self.counts_double else len(text)

    def exceeded(self, headline: str, body: str) -> bool:
        """Whether either text is too long."""
        return self.length(headline) > self.headline or self.length(body) > self.body


LIMITS = {
    GOOGLE_SEARCH: Limit(headline=30, body=90, is_hard=True, counts_double=True),
    META_FEED: Limit(headline=40, body=125, is_hard=False, counts_double=False),
}


def width(text: str) -> int:
    """Count characters, double-width ones twice."""
    return sum(2 if unicodedata.east_asian_width(character) in "FW" else 1 for character in text)
