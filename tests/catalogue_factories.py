"""Campaigns and their approved texts, for tests of what decides between them: laid out, or kept in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from alphaads_pipelines.campaigns.campaign import ACTIVE, Campaign
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.retired_texts import retire_texts
from alphaads_pipelines.campaigns.store import insert_campaigns
from alphaads_pipelines.creatives.base import Creative
from alphaads_pipelines.creatives.creative_rows import StoredCreative
from alphaads_pipelines.creatives.creative_store import save_creatives
from alphaads_pipelines.creatives.review import APPROVED, Review
from alphaads_pipelines.decisions.budget.reservations import Reservations
from alphaads_pipelines.decisions.catalogue import Catalogue
from alphaads_pipelines.decisions.decide import Decider, Decision, DecisionRequest
from alphaads_pipelines.decisions.eligibility import EligibilityIndex
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.stores.sql.relational import connect, select_in
from alphaads_pipelines.stores.subjects.permissions import Permission

TENANT = "acme"


def campaign(campaign_id: str = "tea", tenant: str = TENANT, **more: Any) -> Campaign:
    """An active campaign without limits, unless told."""
    words = {"name": "Tea", "product": "Brasswick kettle", "benefit": "tea at the right heat", "call_to_action": "Look"}
    return Campaign(campaign_id=campaign_id, tenant=tenant, **{"state": ACTIVE, **words, **more})


def text(creative_id: str, emotion: str, of: str = "tea", tenant: str = TENANT, **more: str) -> Mapping[str, str]:
    """A text as the catalogue holds it."""
    return {
        "creative_id": creative_id,
        "tenant": tenant,
        "campaign_id": of,
        "emotion": emotion,
        "headline": "Tea",
        "moderation": "approved",
        **more,
    }


def offered(texts: Sequence[Mapping[str, str]], campaigns: Sequence[Campaign] | None = None) -> dict[str, Any]:
    """The fields of a Snapshot in which exactly this is advertised."""
    by_id = {each.campaign_id: each for each in (campaigns if campaigns is not None else [campaign()])}
    tenants = {each.tenant for each in by_id.values()}
    own = {tenant: tuple(each for each in texts if each["tenant"] == tenant) for tenant in tenants}
    return {
        "catalogue": Catalogue(campaigns=by_id, creatives=tuple(texts), creatives_of=own),
        "catalogue_version": 2,
        "eligibility_index": EligibilityIndex.of(by_id, texts),
    }


def advertise(engine: Engine, texts: Sequence[tuple[str, str]], now: datetime, of: Campaign | None = None) -> None:
    """Keep these approved texts, (id, emotion) each, as the current ones of a campaign that is made if need be."""
    its = of or campaign()
    with editing(engine, now) as connection:
        if not select_in(connection, "campaigns", "campaign_id", [its.campaign_id], ["campaign_id"]):
            insert_campaigns(connection, [its], now)
        retire_texts(connection, its.campaign_id)
        save_creatives(connection, [_approved(its, *each, now) for each in texts])


def _approved(its: Campaign, creative_id: str, emotion: str, now: datetime) -> tuple[StoredCreative, list[Review]]:
    words = (its.campaign_id, emotion, "plain", "Tea", "Tea at the right heat.", its.call_to_action, "templates-1")
    review = Review(creative_id, APPROVED, now)
    return StoredCreative(Creative(creative_id, *words), its.tenant, review, is_current=True, created_at=now), [review]


def decider(engine: Engine | None = None) -> Decider:
    """Who decides; without a store, for campaigns that have no limits."""
    return Decider(Reservations(engine or connect("sqlite://")), bytes(32))


def decide(snapshot: Snapshot, request: DecisionRequest, permission: Permission, now: datetime) -> Decision:
    """A decision about campaigns without limits."""
    return decider().decide(snapshot, request, permission, now, 60.0)
