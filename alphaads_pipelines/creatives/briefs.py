"""From a campaign to its briefs."""

from __future__ import annotations

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.creatives.base import Brief


def briefs_of(campaign: Campaign) -> list[Brief]:
    """Build one brief per emotion of the audience."""
    return [
        Brief(
            campaign.campaign_id,
            campaign.product,
            campaign.benefit,
            emotion,
            campaign.call_to_action,
            placement=campaign.placement,
            rules=campaign.rules,
        )
        for emotion in campaign.audience
    ]
