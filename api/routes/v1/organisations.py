"""`/api/v1/organisation`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.campaigns.campaign import LONGEST_WORDS
from alphaads_pipelines.campaigns.store import Organisation, read_organisation, save_organisation
from api.access import scope
from api.audit import about_nobody
from api.credentials import Caller
from api.deps import WiringDep

router = APIRouter(tags=["campaigns"])


class OrganisationIn(BaseModel):
    """The organisation's name."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=LONGEST_WORDS)


class OrganisationOut(OrganisationIn):
    """The organisation's tenant and creation time."""

    tenant: str
    created_at: datetime


def _shown(found: Organisation) -> OrganisationOut:
    return OrganisationOut(tenant=found.tenant, name=found.name, created_at=found.created_at)


@router.get("/organisation", summary="Get the organisation")
@about_nobody
def get_organisation(wiring: WiringDep, caller: Annotated[Caller, scope("campaigns:read")]) -> OrganisationOut:
    """Return the caller's organisation. 404 until it is named."""
    return _shown(read_organisation(wiring.engine, caller.tenant))


@router.put("/organisation", summary="Name the organisation")
@about_nobody
def put_organisation(
    body: OrganisationIn, wiring: WiringDep, caller: Annotated[Caller, scope("campaigns:write")]
) -> OrganisationOut:
    """Name or rename the caller's organisation, creating it if needed."""
    return _shown(save_organisation(wiring.engine, caller.tenant, body.name, datetime.now(UTC)))
