"""`/api/v1/gazetteer`: the names that a tenant wants to be found in posts. An edit counts from the next batch on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.msgspec_types import decoder
from alphaads_pipelines.nlp.gazetteer import LONGEST_ALIAS, MOST_ALIASES, TrackedName
from alphaads_pipelines.nlp.tracked_names import read_names, remove_names, save_names
from api.access import scope
from api.audit import about_nobody
from api.credentials import Caller
from api.deps import WiringDep

router = APIRouter(tags=["gazetteer"])
_to_tracked_name = decoder(TrackedName)
Written = Annotated[str, Field(min_length=1, max_length=LONGEST_ALIAS)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")]
TrackedId = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", description="Chosen by the caller.")]


class TrackedNameIn(BaseModel):
    """A name, how else it is written, and who cares; kinds and types are those of `alphaads gazetteer`."""

    model_config = ConfigDict(extra="forbid")
    name: Written
    kind: str = Field("brand", max_length=32)
    type: str = Field("ORG", max_length=32)
    aliases: list[Written] = Field([], max_length=MOST_ALIASES)
    campaign_ids: list[Id] = Field([], max_length=MOST_ALIASES)
    exact_case: bool = Field(False, description="Found only as it is spelled: Apple, not apple.")


class TrackedNameOut(TrackedNameIn):
    """The same with its id."""

    id: str


class GazetteerOut(BaseModel):
    """The caller's names, and which edit of the gazetteer they are of."""

    version: int
    names: list[TrackedNameOut]


class Edited(BaseModel):
    """The version of the gazetteer after an edit; rows of post_entities carry it."""

    version: int


@router.get("/gazetteer", summary="The tracked names")
@about_nobody
def list_names(wiring: WiringDep, caller: Annotated[Caller, scope("gazetteer:read")]) -> GazetteerOut:
    """The names of the caller's tenant, by id."""
    version, names = read_names(wiring.engine, caller.tenant)
    return GazetteerOut(version=version, names=[TrackedNameOut(**msgspec.to_builtins(each)) for each in names])


@router.put("/gazetteer/{tracked_id}", summary="Track a name")
@about_nobody
def put_name(
    tracked_id: TrackedId, body: TrackedNameIn, wiring: WiringDep, caller: Annotated[Caller, scope("gazetteer:write")]
) -> Edited:
    """Track a name, in the place of the caller's name with this id if there is one."""
    tracked = _to_tracked_name({"id": tracked_id, **body.model_dump()})
    version = save_names(wiring.engine, [tracked], datetime.now(UTC), tenant=caller.tenant)
    return Edited(version=version)


@router.delete("/gazetteer/{tracked_id}", summary="Stop tracking a name")
@about_nobody
def delete_name(
    tracked_id: TrackedId, wiring: WiringDep, caller: Annotated[Caller, scope("gazetteer:write")]
) -> Edited:
    """Stop tracking one of the caller's names."""
    return Edited(version=remove_names(wiring.engine, [tracked_id], tenant=caller.tenant))
