"""`/api/v1/gazetteer`. Edits take effect with the next batch."""

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
    """A tracked name, its aliases and campaigns; kinds and types as in `alphaads gazetteer`."""

    model_config = ConfigDict(extra="forbid")
    name: Written
    kind: str = Field("brand", max_length=32)
    type: str = Field("ORG", max_length=32)
    aliases: list[Written] = Field([], max_length=MOST_ALIASES)
    campaign_ids: list[Id] = Field([], max_length=MOST_ALIASES)
    exact_case: bool = Field(False, description="Match case: Apple, not apple.")


class TrackedNameOut(TrackedNameIn):
    """A tracked name with its id."""

    id: str


class GazetteerOut(BaseModel):
    """The caller's names, and the version of the gazetteer."""

    version: int
    names: list[TrackedNameOut]


class Edited(BaseModel):
    """The gazetteer's version after an edit, as in rows of post_entities."""

    version: int


@router.get("/gazetteer", summary="List tracked names")
@about_nobody
def list_names(wiring: WiringDep, caller: Annotated[Caller, scope("gazetteer:read")]) -> GazetteerOut:
    """List the tracked names of the caller's tenant by id."""
    version, names = read_names(wiring.engine, caller.tenant)
    return GazetteerOut(version=version, names=[TrackedNameOut(**msgspec.to_builtins(each)) for each in names])


@router.put("/gazetteer/{tracked_id}", summary="Track a name")
@about_nobody
def put_name(
    tracked_id: TrackedId, body: TrackedNameIn, wiring: WiringDep, caller: Annotated[Caller, scope("gazetteer:write")]
) -> Edited:
    """Track a name, or replace the caller's name with this id."""
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
