"""Eligibility: which creatives an ad may be drawn from, for this person at this moment, and why not the others. Pure.

What a campaign has left is asked here of the snapshot, which is a poll old, so that hopeless ones are not drawn; it is
held for the decision afterwards (reservations.py), and only that counts.

Left out is a campaign that

===========  ===============================================================================
not_running  is not active, or outside of its time
emotion      is for people in other moods
unsafe_mood  must not stand before somebody in this mood (brand safety)
segment      is for other behavioural segments
cap          was shown to this person often enough today
budget       has used up its money, or the day's
pacing       has used what was free so far of the day's money
floor        has nothing left but what is kept for other segments
unchecked    has limits that nobody can check now, because the store is away
no_creative  has no approved creative for this mood
===========  ===============================================================================

The mood of somebody of whom nothing is known, or may be used, is neutral. Somebody whose mood falls or swings is shown
calm texts alone, whatever it is now (creatives/tone.py).
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
    """Who will see the ad: what may be used of them, and nothing else.

    Attributes
    ----------
    tenant: whose ads.
    mood: None where nothing is personalised. journey: where it is going, steady where nobody can say.
    segment: their behavioural segment, None as the mood.
    is_known: whether they are a subject whom frequency caps can be kept for.
    shown: campaign -> how often it was shown to them today; None: the store that knows is away.
    """

    tenant: str
    now: datetime
    mood: str | None = None
    journey: JourneySummary = STEADY
    segment: str | None = None
    is_known: bool = False
    shown: Mapping[str, int] | None = {}


class Eligible(msgspec.Struct, frozen=True):
    """What may be drawn.

    Attributes
    ----------
    creatives: by id, in order. left_out: campaign of the tenant -> why nothing of it may be drawn.
    """

    creatives: dict[str, Creative]
    left_out: dict[str, str]


@dataclass(frozen=True, slots=True)
class EligibilityIndex:
    """Campaigns and their approved creatives, laid out so that a decision looks at its own tenant's alone.

    Parameters
    ----------
    campaigns: tenant -> its campaigns. creatives: (campaign, emotion) -> creatives.
    capped: tenants with a campaign that has a frequency cap.
    """

    campaigns: Mapping[str, tuple[Campaign, ...]]
    creatives: Mapping[tuple[str, str], tuple[Creative, ...]]
    capped: frozenset[str]

    @staticmethod
    def of(campaigns: Mapping[str, Campaign], creatives: Iterable[Creative]) -> EligibilityIndex:
        """The shelf of everything that is advertised; made once, when it changes.

        Parameters
        ----------
        creatives: with creative_id, campaign_id, tenant, emotion and moderation. Those that are not approved, of no
            campaign, or of another tenant than their campaign are left away.
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
        """What may be drawn for this person now."""
        audience = served_emotion(viewer.mood or NEUTRAL, viewer.journey)
        creatives: dict[str, Creative] = {}
        left_out: dict[str, str] = {}
        for campaign in self.campaigns.get(viewer.tenant, ()):
            why = _why_not(campaign, viewer, budget_view)
            fitting = () if why else self.creatives.get((campaign.campaign_id, audience), ())
            # Moderation is looked at once more, where it is served.
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
    """What its limits say."""
    if viewer.shown is None and is_limited(campaign, is_known=viewer.is_known):
        return "unchecked"
    shown = (viewer.shown or {}).get(campaign.campaign_id, 0)
    if campaign.daily_cap is not None and viewer.is_known and shown >= campaign.daily_cap:
        return "cap"
    return budget_view.why_not(campaign, viewer.segment, viewer.now) if has_budget(campaign) else None
