"""The worlds: how many people, creatives and days there are, what changes when, how reports come in.

Everything a world does follows from its parameters and a seed. Time is counted in seconds from `START`, a Monday.
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
    """How what happened is reported. Chances are of each decision or event, times are seconds.

    Parameters
    ----------
    unseen: chance that an ad is never shown, so that nothing is heard of the decision.
    lost: chance that the report of an impression is lost, while a click on it would still be heard of.
    doubled: chance that an event is delivered a second time, hours later.
    click_after: median time from the impression to the click; times are log-normal.
    click_spread: standard deviation of their logarithm. At 2.2 about 1 click in 180 comes after the 24 hours in which
        it counts.
    transport: mean time from an event, or a decision, to its arrival; times are exponential, so order is lost.
    """

    unseen: float = 0.1
    lost: float = 0.03
    doubled: float = 0.05
    click_after: float = 300.0
    click_spread: float = 2.2
    transport: float = 300.0


CLEAN = Reporting(lost=0.0, doubled=0.0, transport=0.0)
"""Every event arrives as it happens, once."""


class World(msgspec.Struct, frozen=True):
    """A kind of world; log-odds where no unit is named.

    Parameters
    ----------
    creatives: how many may be shown at any time.
    people, days: so many people, for so long. anonymous: share of decisions of which only moment and placement may be
        known.
    learn_hours: so often a policy learns; a divisor of 24.
    drift_days: so often the truth changes; 0: never.
    swapped: of each change, how many creatives pass their coefficients on to one another, in a ring.
    replaced: of each change, how many creatives retire, and as many new ones come.
    level: of a click, about. shared: spread of what a fact does to every creative alike.
    own, own_mood, own_segment, own_other: spread of what is a creative's own: altogether, by mood, by segment, by
        placement, hour and trend.
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
        """Raise InvalidRequest where the parameters contradict each other."""
        if min(self.creatives, self.people, self.days, self.learn_hours) < 1 or 24 % self.learn_hours:
            raise InvalidRequest("a world has creatives, people and days, and learn_hours divides 24")
        if self.swapped + self.replaced > self.creatives:
            raise InvalidRequest("a change swaps and replaces no more creatives than there are")

    @property
    def changes(self) -> list[int]:
        """Days at whose beginning the truth changes."""
        return list(range(self.drift_days, self.days, self.drift_days)) if self.drift_days else []


WORLDS = {
    "stationary": World(),
    "drifting": World(drift_days=14, swapped=4, replaced=2),
}
