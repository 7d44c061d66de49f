"""Eligibility: the creatives that may be drawn for a person now, and why other campaigns are excluded. Pure.

Budgets are checked against the snapshot, one poll old, only to skip hopeless campaigns; the reservation afterwards
(budget/reservations.py) decides.

===========  =================================================
not_running  inactive, or outside its time window
emotion      targets other moods
unsafe_mood  must not be shown in this mood (brand safety)
segment      targets other behavioural segments
cap          shown to this person often enough today
budget       total or daily budget exhausted
pacing       no budget released yet by pacing
floor        remainder reserved for other segments
unchecked    limits cannot be checked: store unavailable
no_creative  no approved creative for this mood
===========  =================================================

An unknown mood is neutral. A falling or volatile mood gets calm texts only (creatives/tone.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.creatives.tone import STEADY, JourneySummary, served_emotion
from alphaads_pipelines.decisions.budget.pacing import BudgetView, has_budget, is_limited

NEUTRAL: Final = "neutral"
APPROVED: Final = "approved"

Creative = Mapping[str, Any]


class Viewer(msgspec.Struct, frozen=True):
    """The person who will see the ad, as far as their data may be used.

    Attributes
    ----------
    mood: None without personalisation. journey: its trend.
    is_known: has a subject id, which frequency caps need.
    shown: campaign -> impressions today; None: store unavailable.
    """

    tenant: str
    now: datetime
    mood: str | None = None
    journey: JourneySummary = STEADY
    segment: str | None = None
    is_known: bool = False
    shown: Mapping[str, int] | None = {}


class Eligible(msgspec.Struct, frozen=True):
    """Creatives by id, in order, and `left_out`: campaign -> reason."""

    creatives: dict[str, Creative]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class EligibilityIndex:
    """Campaigns by tenant, creatives by (campaign, emotion), and tenants with a frequency cap (`capped`)."""

    campaigns: Mapping[str, tuple[Campaign, ...]]
    creatives: Mapping[tuple[str, str], tuple[Creative, ...]]
    capped: frozenset[str]

    @staticmethod
    def of(campaigns: Mapping[str, Campaign], creatives: Iterable[Creative]) -> EligibilityIndex:
        """Index a catalogue.

        Parameters
        ----------
        creatives: with creative_id, campaign_id, tenant, emotion and moderation; ignored unless approved and of a
        campaign of
            the same tenant.
        """
        tenants: dict[str, list[Campaign]] = {}
        for _, campaign in sorted(campaigns.items()):
            tenants.setdefault(campaign.tenant, []).append(campaign)
        laid_out: dict[tuple[str, str], list[Creative]] = {}
        for each in sorted(creatives, key=lambda creative: str(creative["creative_id"])):
            owner = campaigns.get(each["campaign_id"])
            if owner is not None and each["tenant"] == owner.tenant and each["moderation"] == APPROVED:
                laid_out.setdefault((owner.campaign_id, each["emotion"]), []).append(each)
        return EligibilityIndex(
            {tenant: tuple(each) for tenant, each in tenants.items()},
            {place: tuple(each) for place, each in laid_out.items()},
            frozenset(each.tenant for each in campaigns.values() if each.daily_cap is not None),
        )

    def eligible(self, viewer: Viewer, budget_view: BudgetView) -> Eligible:
        """Creatives that may be drawn for this person now."""
        audience = served_emotion(viewer.mood or NEUTRAL, viewer.journey)
        creatives: dict[str, Creative] = {}
        left_out: dict[str, str] = {}
        for campaign in self.campaigns.get(viewer.tenant, ()):
            why = _why_not(campaign, viewer, budget_view)
            fitting = () if why else self.creatives.get((campaign.campaign_id, audience), ())
            # Moderation is checked again at serving time.
            approved = {str(each["creative_id"]): each for each in fitting if each["moderation"] == APPROVED}
            creatives.update(approved)
            if not approved:
                left_out[campaign.campaign_id] = why or "no_creative"
        return Eligible(dict(sorted(creatives.items())), left_out)


def _why_not(campaign: Campaign, viewer: Viewer, budget_view: BudgetView) -> str | None:
    mood = viewer.mood or NEUTRAL
    if not campaign.runs_at(viewer.now):
        return "not_running"
    if mood in campaign.unsafe_moods:
        return "unsafe_mood"
    if campaign.emotions and mood not in campaign.emotions:
        return "emotion"
    if campaign.segments and viewer.segment not in campaign.segments:
        return "segment"
    return _why_not_more(campaign, viewer, budget_view)


def _why_not_more(campaign: Campaign, viewer: Viewer, budget_view: BudgetView) -> str | None:
    """Check its limits."""
    if viewer.shown is None and is_limited(campaign, is_known=viewer.is_known):
        return "unchecked"
    shown = (viewer.shown or {}).get(campaign.campaign_id, 0)
    if campaign.daily_cap is not None and viewer.is_known and shown >= campaign.daily_cap:
        return "cap"
    return budget_view.why_not(campaign, viewer.segment, viewer.now) if has_budget(campaign) else None
