"""Fold decisions and events into hourly impressions, clicks and conversions per person. Pure.

Counts are sums of integers, so shuffled, repeated, late and split input gives the same result. An ad counts the
earliest event of each kind; any event implies an impression.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from alphaads_pipelines.profiles.time_buckets import hour_of

IMPRESSION, CLICK, CONVERSION = "impression", "click", "conversion"
KINDS = (IMPRESSION, CLICK, CONVERSION)
"""In the order of an hour's counts."""

WINDOW = timedelta(days=7)
"""From decision to event; people buy days after a click."""

HALF_LIFE_HOURS = 168.0

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_HOUR_S = 3600

Hours = dict[tuple[str, int], list[int]]
"""(subject id, hours since the epoch) -> [impressions, clicks, conversions]."""


@dataclass(frozen=True, slots=True)
class OpenAd:
    """An ad's decision and events; times in seconds since the epoch.

    Attributes
    ----------
    subject_id, decided_s: None until the decision arrives, possibly after events.
    heard: the first event of each kind; named as its column.
    """

    subject_id: str | None = None
    decided_s: int | None = None
    heard: Mapping[str, int] = field(default_factory=dict)

    def counts(self) -> Hours:
        """Its subject's hours; empty before the decision is known."""
        if self.subject_id is None or self.decided_s is None:
            return {}
        latest = self.decided_s + WINDOW // _SECOND
        times = {kind: at for kind, at in self.heard.items() if at <= latest}
        if times:
            times[IMPRESSION] = min(times.values())
        hours: Hours = {}
        for kind, at in times.items():
            hours.setdefault((self.subject_id, at // _HOUR_S), [0, 0, 0])[KINDS.index(kind)] += 1
        return hours


@dataclass(frozen=True, slots=True)
class EngagementFold:
    """The result of a fold.

    Parameters
    ----------
    ads: decision id -> updated ad.
    changes: to add to the counts; negative where an earlier event moves a count.
    """

    ads: dict[str, OpenAd]
    changes: Hours


def fold_engagement(
    open_ads: Mapping[str, OpenAd], decisions: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]
) -> EngagementFold:
    """Fold new decisions and events into open ads.

    Parameters
    ----------
    open_ads: from the last fold, by decision id.
    decisions: with decision_id, subject_id and decided_at (RFC 3339), not anonymous.
    events: with decision_id, kind and occurred_at; only KINDS count.
    """
    before: dict[str, OpenAd] = {}
    ads: dict[str, OpenAd] = {}

    def touch(decision_id: str) -> OpenAd:
        before.setdefault(decision_id, open_ads.get(decision_id, OpenAd()))
        return ads.setdefault(decision_id, before[decision_id])

    for decision in decisions:
        key = str(decision["decision_id"])
        ads[key] = _add_decision(touch(key), str(decision["subject_id"]), _seconds(decision["decided_at"]))
    for event in events:
        if event["kind"] in KINDS:
            key = str(event["decision_id"])
            ads[key] = _add_event(touch(key), event["kind"], _seconds(event["occurred_at"]))
    return EngagementFold(ads, _difference(before, ads))


def _seconds(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _SECOND


def _add_decision(ad: OpenAd, subject_id: str, at: int) -> OpenAd:
    """The earlier decision of an id wins, in any order of arrival."""
    known = [] if ad.subject_id is None or ad.decided_s is None else [(ad.decided_s, ad.subject_id)]
    decided_s, whose = min([*known, (at, subject_id)])
    return OpenAd(whose, decided_s, ad.heard)


def _add_event(ad: OpenAd, kind: str, at: int) -> OpenAd:
    return OpenAd(ad.subject_id, ad.decided_s, {**ad.heard, kind: min(at, ad.heard.get(kind, at))})


def _difference(before: Mapping[str, OpenAd], after: Mapping[str, OpenAd]) -> Hours:
    changes: Hours = {}
    for ads, sign in ((before, -1), (after, 1)):
        for ad in ads.values():
            for key, counts in ad.counts().items():
                current = changes.setdefault(key, [0, 0, 0])
                changes[key] = [a + sign * b for a, b in zip(current, counts, strict=True)]
    return {key: counts for key, counts in changes.items() if any(counts)}


class Engagement(msgspec.Struct, frozen=True):
    """A person's response to ads.

    Attributes
    ----------
    ctr_ratio: clicks per impression, or None without impressions.
    decayed: the same with half-life HALF_LIFE_HOURS.
    """

    impressions: int
    clicks: int
    conversions: int
    ctr_ratio: float | None
    decayed: dict[str, float | None]


def view_engagement(hours: Mapping[int, Sequence[int]], now: datetime) -> Engagement:
    """Engagement as of `now` (UTC), from hourly counts."""
    now_hour = hour_of(now)
    totals, decayed = [0, 0, 0], [0.0, 0.0, 0.0]
    for hour, counts in sorted(hours.items()):
        weight = 0.5 ** (max(0, now_hour - hour) / HALF_LIFE_HOURS)
        totals = [a + b for a, b in zip(totals, counts, strict=True)]
        decayed = [a + weight * b for a, b in zip(decayed, counts, strict=True)]
    impressions, clicks, conversions = totals
    shown: dict[str, float | None] = {f"{kind}s": round(value, 6) for kind, value in zip(KINDS, decayed, strict=True)}
    return Engagement(
        impressions,
        clicks,
        conversions,
        clicks / impressions if impressions else None,
        {**shown, "ctr_ratio": decayed[1] / decayed[0] if decayed[0] else None},
    )
