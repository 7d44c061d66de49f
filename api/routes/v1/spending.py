"""`GET /api/v1/campaigns/{id}/spending`."""

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
Days = Annotated[int, Query(ge=1, le=MOST_DAYS, description="Number of UTC days, including today.")]


class SpendOut(BaseModel):
    """Millionths of a US dollar: reserved for ads without a known impression yet, and spent on impressions."""

    reserved_microusd: int
    spent_microusd: int


class DayOut(BaseModel):
    """A UTC day; `segments` breaks out those with a floor."""

    day: date
    total: SpendOut
    segments: dict[str, SpendOut]


class SpendingOut(BaseModel):
    """A campaign's spending; null where there is no budget."""

    campaign_id: str
    total: SpendOut = Field(description="Since it has had a budget.")
    left_microusd: int | None = Field(description="Of the whole budget.")
    today_budget_microusd: int | None = Field(description="Paced budget of this UTC day.")
    today_left_microusd: int | None
    days: list[DayOut] = Field(description="Days with reservations or spending, newest first.")


@router.get("/campaigns/{campaign_id}/spending", summary="Get a campaign's spending")
@about_nobody
def get_spending(
    campaign_id: IdPath,
    wiring: WiringDep,
    caller: Annotated[Caller, scope("campaigns:read")],
    days: Days = 31,
) -> SpendingOut:
    """Return reserved, spent and remaining money: overall, today and by day."""
    campaign = read_campaign(wiring.engine, caller.tenant, campaign_id)
    report = read_spend(wiring.engine, campaign, datetime.now(UTC), days)
    return SpendingOut.model_validate(msgspec.to_builtins(report))
