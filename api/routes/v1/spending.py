"""`GET /api/v1/campaigns/{id}/spending`: what became of a campaign's money."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from alphaads_pipelines.campaigns.store import read_campaign
from alphaads_pipelines.decisions.budget.spend_report import MOST_DAYS, read_spend
from api.access import scope
from api.audit import about_nobody
from api.credentials import Caller
from api.deps import WiringDep
from api.pagination import IdPath

router = APIRouter(tags=["campaigns"])
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="UTC days that are looked at, today among them.")]


class SpendOut(BaseModel):
    """Millionths of a US dollar: held for ads not known to have been seen yet, and spent for impressions."""

    reserved_microusd: int
    spent_microusd: int


class DayOut(BaseModel):
    """A UTC day; `segments`: of it, those with a floor."""

    day: date
    total: SpendOut
    segments: dict[str, SpendOut]


class SpendingOut(BaseModel):
    """What became of a campaign's money; null where no budget says what would be left."""

    campaign_id: str
    total: SpendOut = Field(description="Ever, while it had a budget.")
    left_microusd: int | None = Field(description="Of the whole budget.")
    today_budget_microusd: int | None = Field(description="What pacing plans for this UTC day.")
    today_left_microusd: int | None
    days: list[DayOut] = Field(description="Those on which anything was reserved or spent, the newest first.")


@router.get("/campaigns/{campaign_id}/spending", summary="What a campaign spent")
@about_nobody
def get_spending(
    campaign_id: IdPath,
    wiring: WiringDep,
    caller: Annotated[Caller, scope("campaigns:read")],
    days: Days = 31,
) -> SpendingOut:
    """Reserved, spent and left: of the whole budget, of today, and day by day."""
    campaign = read_campaign(wiring.engine, caller.tenant, campaign_id)
    report = read_spend(wiring.engine, campaign, datetime.now(UTC), days)
    return SpendingOut.model_validate(msgspec.to_builtins(report))
