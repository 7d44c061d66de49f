"""SYNTHETIC campaigns of invented products, so that a new installation serves ads."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from alphaads_pipelines.campaigns.campaign import ACTIVE, Campaign
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.store import has_campaigns, insert_campaigns
from alphaads_pipelines.stores.sql.relational import reading

SAMPLE_TENANT: Final = "synthetic"

_PRODUCTS = (
    ("lamp", "Lumora desk lamp", "warm light for late work", "See the lamp"),
    ("boots", "Tundrel hiking boots", "dry feet on every trail", "Find your size"),
    ("kettle", "Brasswick kettle", "tea at the right heat", "Have a look"),
)


def sample_campaigns() -> list[Campaign]:
    """Build an active campaign per product, without targeting or limits."""
    return [
        Campaign(
            campaign_id=campaign_id,
            tenant=SAMPLE_TENANT,
            name=f"{product} (synthetic)",
            product=product,
            benefit=benefit,
            call_to_action=action,
            state=ACTIVE,
        )
        for campaign_id, product, benefit, action in _PRODUCTS
    ]


def seed_samples(engine: Engine, now: datetime) -> int:
    """Insert the samples if no campaign exists; return their number. Raises StoreUnavailable."""
    with reading(engine) as connection:
        if has_campaigns(connection):
            return 0
    with editing(engine, now) as connection:
        return 0 if has_campaigns(connection) else insert_campaigns(connection, sample_campaigns(), now)
