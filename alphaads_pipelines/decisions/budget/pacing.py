"""Pacing: whether a campaign may show one more ad now, and from which budget. Pure.

A day's budget is released evenly: the remaining money over the remaining seconds. Unused budget is spread over the rest
of the day: credit is capped at 1/96 of the day (15 minutes), but covers at least one ad; in the last 15 minutes the
remainder is free. This is a token bucket whose rate follows the remainder, after Agarwal, Ghosh, Wei & You, "Budget
Pacing for Targeted Online Advertisements at LinkedIn" (KDD 2014), with the clock instead of a traffic forecast.

A segment's floor reserves a share of the day's budget for its people until the last 1/24 of the day (23:00), when the
remainder opens to all. Each floor has its own bucket; its people may also use the common one.

Amounts are millionths of a US dollar, reservations included. Days are UTC, clipped to the campaign's run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from alphaads_pipelines.campaigns.campaign import Campaign

Reason = Literal["budget", "pacing", "floor", "cap"]
"""Total or daily budget exhausted, not released yet, reserved for other segments, or shown to this person often
enough today.
"""

COMMON: Final = ""
"""The line of people without a floor."""

_SAVED_UP = 96  # parts of a day; one part's budget may accumulate
_FLOORS_END = 24  # parts of a day; the last has no floors
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class Line(msgspec.Struct, frozen=True):
    """A segment's use of a day's budget: `credit` was released and unused at `credited_at` (None: no ad yet)."""

    used: int = 0
    credit: float = 0.0
    credited_at: datetime | None = None


class Spending(msgspec.Struct, frozen=True):
    """A campaign's use of its budget: `used` in total, `lines` of the day by segment."""

    day: date
    used: int = 0
    lines: Mapping[str, Line] = {}

    def on(self, day: date) -> Spending:
        """As of another day, with nothing used."""
        return self if day == self.day else Spending(day, self.used)


class Refused(msgspec.Struct, frozen=True):
    """No ad of this campaign now."""

    reason: Reason


class Grant(msgspec.Struct, frozen=True):
    """Permission to show one ad, charged to the line `segment`. `lines`: the day's changed lines."""

    segment: str
    lines: Mapping[str, Line]


class Day(NamedTuple):
    """A day's budget, and its period (end exclusive)."""

    budget: int
    begin: datetime
    end: datetime


def has_budget(campaign: Campaign) -> bool:
    """Whether its spending is accounted for."""
    return campaign.budget_microusd is not None or campaign.daily_budget_microusd is not None


def is_limited(campaign: Campaign, *, is_known: bool) -> bool:
    """Whether budget or, for a viewer with a subject id (`is_known`), frequency must be reserved."""
    return has_budget(campaign) or (campaign.daily_cap is not None and is_known)


def line_of(campaign: Campaign, segment: str | None) -> str:
    """The line charged for an ad to this segment."""
    return segment if segment is not None and segment in campaign.segment_floors else COMMON


def day_of(campaign: Campaign, used_before: int, now: datetime) -> Day | None:
    """The day's budget, or None without pacing.

    Without a daily budget, a total one with an end is divided evenly over the time left.

    Parameters
    ----------
    used_before: reserved and spent on earlier days.
    """
    midnight = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    begin = max(midnight, campaign.starts_at or midnight)
    end = min(midnight + _DAY, campaign.ends_at or midnight + _DAY)
    left = None if campaign.budget_microusd is None else max(0, campaign.budget_microusd - used_before)
    if campaign.daily_budget_microusd is not None:
        daily = campaign.daily_budget_microusd
        return Day(daily if left is None else min(daily, left), begin, end)
    if left is None or campaign.ends_at is None:
        return None
    today, altogether = (end - begin) // _MICROSECOND, (campaign.ends_at - begin) // _MICROSECOND
    return Day(-(-left * today // altogether) if 0 < today < altogether else left, begin, end)


def pace(campaign: Campaign, spending: Spending, segment: str | None, now: datetime) -> Grant | Refused:
    """Decide whether one more ad may be shown to this segment now. Spending of another day counts as unused."""
    spending, cost = spending.on(now.astimezone(UTC).date()), campaign.cost_microusd
    if campaign.budget_microusd is not None and spending.used + cost > campaign.budget_microusd:
        return Refused("budget")
    line, used_today = line_of(campaign, segment), sum(each.used for each in spending.lines.values())
    day = day_of(campaign, spending.used - used_today, now)
    if day is None:
        return _granted(spending, line, None, 0.0, cost, now)
    if used_today + cost > day.budget:
        return Refused("budget")
    kept = _kept(campaign, spending, day, now)
    common = max(0, day.budget - used_today - sum(kept.values()))
    if common + kept.get(line, 0) < cost:
        return Refused("floor")
    for payer, left, end in ((line, kept.get(line, 0), _floors_end(day)), (COMMON, common, day.end)):
        credit = _credit(spending.lines.get(payer, Line()), left, cost, day._replace(end=end), now)
        if credit >= cost:
            return _granted(spending, line, payer, credit, cost, now)
    return Refused("pacing")


class BudgetView:
    """Campaigns' spending as of one poll, shared by many decisions. Thread-safe.

    Each answer is computed once: the next poll comes soon, and the reservation checks again.
    """

    def __init__(self, spending: Mapping[str, Spending]) -> None:
        self.spending = spending
        self._said: dict[tuple[str, str], Reason | None] = {}

    def why_not(self, campaign: Campaign, segment: str | None, now: datetime) -> Reason | None:
        """Why one more ad may not be shown now."""
        key = campaign.campaign_id, line_of(campaign, segment)
        if key not in self._said:
            spending = self.spending.get(campaign.campaign_id) or Spending(now.date())
            answer = pace(campaign, spending, segment, now)
            self._said[key] = answer.reason if isinstance(answer, Refused) else None
        return self._said[key]


def _floors_end(day: Day) -> datetime:
    return day.end - (day.end - day.begin) / _FLOORS_END


def _kept(campaign: Campaign, spending: Spending, day: Day, now: datetime) -> dict[str, int]:
    """Budget reserved for each floor."""
    if not campaign.segment_floors or now >= _floors_end(day):
        return {}
    return {
        segment: max(0, int(share * day.budget) - spending.lines.get(segment, Line()).used)
        for segment, share in campaign.segment_floors.items()
    }


def _credit(line: Line, left: int, cost: int, day: Day, now: datetime) -> float:
    """Budget released by now, out of `left` until the end of `day`."""
    if left < cost:
        return 0.0
    saved_up = (day.end - day.begin) / _SAVED_UP
    close = day.end - saved_up
    if now >= close:
        return float(left)
    most = min(float(left), max(float(cost), left * (saved_up / (close - now))))
    if line.credited_at is None:
        return most
    # Another host's clock may be ahead; then nothing was released since.
    since = max(line.credited_at, day.begin)
    if now <= since:
        return min(line.credit, most)
    return min(line.credit + left * ((now - since) / (close - since)), most)


def _granted(spending: Spending, line: str, payer: str | None, credit: float, cost: int, now: datetime) -> Grant:
    """Charge one ad to `line`, paid from the credit of `payer`."""
    held = spending.lines.get(line, Line())
    lines = {line: Line(held.used + cost, held.credit, held.credited_at)}
    if payer is not None:
        paying = lines.get(payer, spending.lines.get(payer, Line()))
        at = now if paying.credited_at is None else max(now, paying.credited_at)
        lines[payer] = Line(paying.used, credit - cost, at)
    return Grant(line, lines)
