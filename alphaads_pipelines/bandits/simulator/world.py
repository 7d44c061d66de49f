"""World parameters, which determine a world together with a seed.

Times are seconds from `START`, a Monday.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from alphaads_pipelines.errors import InvalidRequest

START = datetime(2026, 1, 5, tzinfo=UTC)
HOUR_S, DAY_S = 3_600.0, 86_400.0
PLACEMENTS = ("google_search", "meta_feed", "in_app_banner")
SEGMENTS = ("s1", "s2", "s3", "s4", "s5")


class Reporting(msgspec.Struct, frozen=True):
    """Delays and losses of reports: probabilities, and times in seconds.

    Parameters
    ----------
    unseen: an ad is never shown, and nothing reported.
    lost: an impression's report; its click is still reported.
    doubled: a second delivery, hours later.
    click_after: median time from impression to click, log-normal.
    click_spread: standard deviation of its logarithm; at 2.2 about 1 click in 180 misses the 24 hour window.
    transport: mean delay of a record, exponential, so order is lost.
    """

    unseen: float = 0.1
    lost: float = 0.03
    doubled: float = 0.05
    click_after: float = 300.0
    click_spread: float = 2.2
    transport: float = 300.0


CLEAN = Reporting(lost=0.0, doubled=0.0, transport=0.0)
"""Every event arrives at once, and once."""


class World(msgspec.Struct, frozen=True):
    """A kind of world; log-odds where no unit is named.

    Parameters
    ----------
    creatives: eligible at any time.
    anonymous: share of decisions with only time and placement known.
    learn_hours: learning interval; a divisor of 24.
    drift_days: interval of changes; 0: never.
    swapped: creatives exchanging coefficients in a ring, per change.
    replaced: creatives retired and replaced, per change.
    level: of a click, about. shared: spread of common coefficients.
    own, own_mood, own_segment, own_other: spread of a creative's own: overall, by mood, by segment, by placement, hour
        and trend.
    """

    creatives: int = 10
    people: int = 400
    days: int = 56
    anonymous: float = 0.15
    learn_hours: int = 4
    drift_days: int = 0
    swapped: int = 0
    replaced: int = 0
    level: float = -3.8
    shared: float = 0.3
    own: float = 0.3
    own_mood: float = 0.7
    own_segment: float = 0.4
    own_other: float = 0.3
    reporting: Reporting = Reporting()

    def check(self) -> None:
        """Raise InvalidRequest for contradictory parameters."""
        if min(self.creatives, self.people, self.days, self.learn_hours) < 1 or 24 % self.learn_hours:
            raise InvalidRequest("a world has creatives, people and days, and learn_hours divides 24")
        if self.swapped + self.replaced > self.creatives:
            raise InvalidRequest("a change swaps and replaces no more creatives than there are")

    @property
    def changes(self) -> list[int]:
        """Days at whose start the truth changes."""
        return list(range(self.drift_days, self.days, self.drift_days)) if self.drift_days else []


WORLDS = {
    "stationary": World(),
    "drifting": World(drift_days=14, swapped=4, replaced=2),
}
