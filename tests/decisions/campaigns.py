"""Campaigns and creatives for tests of what may be shown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alphaads_pipelines.campaigns.campaign import ACTIVE, Campaign

MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
COST = 1_000


def campaign(key: str = "tea", **changed: Any) -> Campaign:
    """An active campaign whose ads cost COST each; nothing limits it."""
    said: dict[str, Any] = {
        "campaign_id": key,
        "tenant": "acme",
        "name": "Tea",
        "product": "tea",
        "benefit": "it is warm",
        "call_to_action": "Drink",
        "state": ACTIVE,
        "cost_microusd": COST,
    }
    return Campaign(**{**said, **changed})


def creative(key: str, campaign_id: str = "tea", emotion: str = "joy", **changed: Any) -> dict[str, Any]:
    """An approved creative."""
    said = {"creative_id": key, "tenant": "acme", "campaign_id": campaign_id, "emotion": emotion, "headline": "Tea"}
    return {**said, "moderation": "approved", **changed}
