"""Pacing: whether a campaign may show one more ad now, and what that takes of its money. Pure; nothing is kept here.

A day's budget is spent evenly over the day, as far as there is anybody to show ads to. Money becomes free at the even
rate of what is left: as much a second as is left, over the seconds that are left. What was not used because nobody came
is spread over the rest of the day, so a quiet morning is caught up with by the evening, never at once: at most a 96th
of the day (15 minutes) may be saved up, and in any case one ad, so the first ad of a day can be shown. The plan ends
those 15 minutes early, and what is left then is free. This is a token bucket whose rate follows the remainder; pacing
against a schedule is after Agarwal, Ghosh, Wei & You, "Budget Pacing for Targeted Online Advertisements at LinkedIn"
(KDD 2014), with the clock in the place of a forecast of traffic.

A segment's floor is the share of a day's budget that is kept for its people: others cannot use it until the last 24th
of the day (23:00), when whatever is left is for everybody, so that the budget can still be spent. Each floor has a
bucket of its own, which is paced to be used by then; people of such a segment also use what is free to all.

Everything counts in millionths of a US dollar, reserved and spent alike. The day is the UTC day, cut to the part of it
in which the campaign runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple

import msgspec

from alphaads_pipelines.campaigns.campaign import Campaign

Reason = Literal["budget", "pacing", "floor", "cap"]
"""Why a campaign may not show an ad now: its money, or the day's, is used up; the day's is not free yet; what is left
is kept for other segments; the person saw it often enough today."""

COMMON: Final = ""
"""The line of everybody who belongs to no segment with a floor."""

_SAVED_UP = 96
"""The part of a day whose money may be saved up is one of so many."""
_FLOORS_END = 24
"""Floors end with the last of so many parts of a day."""
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


class Line(msgspec.Struct, frozen=True):
    """What people of one segment used of a day.

    Attributes
    ----------
    used: reserved and spent. credit: money that was free, and left, at `credited_at`; None: nothing was taken yet.
    """

    used: int = 0
    credit: float = 0.0
    credited_at: datetime | None = None


class Spending(msgspec.Struct, frozen=True):
    """What a campaign used.

    Attributes
    ----------
    used: ever, reserved and spent. lines: of the day, by segment; COMMON is everybody of a segment without a floor.
    """

    day: date
    used: int = 0
    lines: Mapping[str, Line] = {}

    def on(self, day: date) -> Spending:
        """As of another day, on which nothing is used yet."""
        return self if day == self.day else Spending(day, self.used)


class Refused(msgspec.Struct, frozen=True):
    """No ad of this campaign now."""

    reason: Reason


class Grant(msgspec.Struct, frozen=True):
    """What showing one ad takes.

    Attributes
    ----------
    segment: line that the ad counts in. lines: the lines of the day as they are then, those that change.
    """

    segment: str
    lines: Mapping[str, Line]


class Day(NamedTuple):
    """A day's money, and from when until when (exclusive) it is for."""

    budget: int
    begin: datetime
    end: datetime


def has_budget(campaign: Campaign) -> bool:
    """Whether what it spends is kept."""
    return campaign.budget_microusd is not None or campaign.daily_budget_microusd is not None


def is_limited(campaign: Campaign, *, is_known: bool) -> bool:
    """Whether the store must reserve budget or frequency before this campaign is shown.

    Parameters
    ----------
    is_known: whether the viewer has a subject id; a frequency cap needs one.
    """
    return has_budget(campaign) or (campaign.daily_cap is not None and is_known)


def line_of(campaign: Campaign, segment: str | None) -> str:
    """The line in which an ad to somebody of this segment counts."""
    return segment if segment is not None and segment in campaign.segment_floors else COMMON


def day_of(campaign: Campaign, used_before: int, now: datetime) -> Day | None:
    """The day's money; None where there is none to pace: no daily budget, and no end of the whole one.

    A whole budget that ends is divided evenly over the time left: each day gets its part of what the days before left.

    Parameters
    ----------
    used_before: reserved and spent on the days before.
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


def ask(campaign: Campaign, spending: Spending, segment: str | None, now: datetime) -> Grant | Refused:
    """Whether one more ad may be shown to somebody of this segment now.

    Parameters
    ----------
    campaign: has a budget. spending: of whatever day; another one than that of `now` counts as a day not begun.
    """
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
    """What campaigns used, as of one look, for whom many decisions lean on it. Thread-safe.

    What it says of a campaign is found out once, as of the first question: the next look comes soon, and what is taken
    in the end is asked anew (reservations.py).

    Parameters
    ----------
    spending: campaign -> what it used; one that is not named has used nothing.
    """

    def __init__(self, spending: Mapping[str, Spending]) -> None:
        self.spending = spending
        self._said: dict[tuple[str, str], Reason | None] = {}

    def why_not(self, campaign: Campaign, segment: str | None, now: datetime) -> Reason | None:
        """Why one more ad may not be shown to somebody of this segment now, or None."""
        key = campaign.campaign_id, line_of(campaign, segment)
        if key not in self._said:
            spending = self.spending.get(campaign.campaign_id) or Spending(now.date())
            answer = ask(campaign, spending, segment, now)
            self._said[key] = answer.reason if isinstance(answer, Refused) else None
        return self._said[key]


def _floors_end(day: Day) -> datetime:
    return day.end - (day.end - day.begin) / _FLOORS_END


def _kept(campaign: Campaign, spending: Spending, day: Day, now: datetime) -> dict[str, int]:
    """What is still kept for each segment with a floor."""
    if not campaign.segment_floors or now >= _floors_end(day):
        return {}
    return {
        segment: max(0, int(share * day.budget) - spending.lines.get(segment, Line()).used)
        for segment, share in campaign.segment_floors.items()
    }


def _credit(line: Line, left: int, cost: int, day: Day, now: datetime) -> float:
    """What is free now of `left`, the money that this line may still use until the end of `day`."""
    if left < cost:
        return 0.0
    saved_up = (day.end - day.begin) / _SAVED_UP
    close = day.end - saved_up
    if now >= close:
        return float(left)
    most = min(float(left), max(float(cost), left * (saved_up / (close - now))))
    if line.credited_at is None:
        return most
    # The clock of another host may be ahead: then nothing has become free since.
    since = max(line.credited_at, day.begin)
    if now <= since:
        return min(line.credit, most)
    return min(line.credit + left * ((now - since) / (close - since)), most)


def _granted(spending: Spending, line: str, payer: str | None, credit: float, cost: int, now: datetime) -> Grant:
    """One ad, counted in `line`, out of what was free in `payer`."""
    held = spending.lines.get(line, Line())
    lines = {line: Line(held.used + cost, held.credit, held.credited_at)}
    if payer is not None:
        paying = lines.get(payer, spending.lines.get(payer, Line()))
        at = now if paying.credited_at is None else max(now, paying.credited_at)
        lines[payer] = Line(paying.used, credit - cost, at)
    return Grant(line, lines)
