"""`/api/v1/people`, for privacy officers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.rights.rectification import rectify_subject, restrict_subject
from alphaads_pipelines.stores.subjects.rectifications import withdraw_rectification
from alphaads_pipelines.stores.subjects.restrictions import lift_restriction
from alphaads_pipelines.stores.subjects.status import SubjectStatus, status_of
from alphaads_pipelines.wiring.app import Wiring
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import CorrelationId, WiringDep
from api.subject_params import SubjectId, resolve_and_record

router = APIRouter(tags=["rights"])
FieldName = Annotated[str, Path(pattern=r"^[a-z_]{1,32}$", description="Profile field: mood or language.")]
Officer = Annotated[Caller, scope("privacy:officer")]


class WhoIn(BaseModel):
    """The person to look up; in a body, because paths are logged."""

    model_config = ConfigDict(extra="forbid")
    subject: str = Field(min_length=3, max_length=256, description="Subject id, or platform:author_id.")


class WhoOut(BaseModel):
    """Their random id."""

    subject_id: str


class PersonOut(BaseModel):
    """A person's status, beside their profile.

    `restricted` is the reason or null; `linked` are the subjects of the same person, this one included.
    """

    subject_id: str
    platform: str
    linked: list[str]
    allowed: list[str]
    restricted: str | None
    rectified: dict[str, Any]


class RestrictionIn(BaseModel):
    """The ground: accuracy, unlawful, claims or objection (GDPR article 18)."""

    model_config = ConfigDict(extra="forbid")
    reason: str = Field(max_length=32)


class RectificationIn(BaseModel):
    """The corrected value; null only marks the inferred one as wrong."""

    model_config = ConfigDict(extra="forbid")
    value: str | None = Field(max_length=64)


def _person(wiring: Wiring, subject_id: str) -> PersonOut:
    status: SubjectStatus = status_of(wiring.engine, subject_id)
    return PersonOut(
        subject_id=subject_id,
        platform=status.platform,
        linked=list(status.linked),
        allowed=list(status.allowed),
        restricted=status.restricted,
        rectified=dict(status.rectified),
    )


@router.post("/people/find", summary="Look up a person")
def find_person(
    body: WhoIn, wiring: WiringDep, caller: Officer, audit: Annotated[Recorder, recorded("person.find", "rights")]
) -> WhoOut:
    """Resolve `platform:author_id` to a subject id. 404: unknown; 410: this person was erased."""
    return WhoOut(subject_id=resolve_and_record(wiring, audit, body.subject))


@router.get("/people/{subject_id}", summary="Get a person's status")
def show_person(
    subject_id: SubjectId,
    wiring: WiringDep,
    caller: Officer,
    audit: Annotated[Recorder, recorded("person.read", "rights")],
) -> PersonOut:
    """Return links, consents, restriction and corrections; `GET /rights/export` has everything else."""
    resolve_and_record(wiring, audit, subject_id)
    return _person(wiring, subject_id)


@router.put("/people/{subject_id}/restriction", summary="Restrict processing of a person's data")
def put_restriction(
    subject_id: SubjectId,
    body: RestrictionIn,
    wiring: WiringDep,
    correlation_id: CorrelationId,
    caller: Officer,
    audit: Annotated[Recorder, recorded("person.restrict", "rights")],
) -> PersonOut:
    """Stop using or showing the person's data, from the next decision until the restriction is lifted."""
    resolve_and_record(wiring, audit, subject_id)
    restrict_subject(wiring.engine, subject_id, body.reason, correlation_id, datetime.now(UTC))
    return _person(wiring, subject_id)


@router.delete("/people/{subject_id}/restriction", summary="Lift a restriction")
def delete_restriction(
    subject_id: SubjectId,
    wiring: WiringDep,
    caller: Officer,
    audit: Annotated[Recorder, recorded("person.unrestrict", "rights")],
) -> PersonOut:
    """Lift the restriction: consents decide again how the data may be used."""
    resolve_and_record(wiring, audit, subject_id)
    lift_restriction(wiring.engine, subject_id)
    return _person(wiring, subject_id)


@router.put("/people/{subject_id}/rectifications/{field}", summary="Correct an inferred value")
def put_rectification(
    subject_id: SubjectId,
    field: FieldName,
    body: RectificationIn,
    wiring: WiringDep,
    correlation_id: CorrelationId,
    caller: Officer,
    audit: Annotated[Recorder, recorded("person.rectify", "rights")],
) -> PersonOut:
    """Override an inferred value with the person's own, in profiles and decisions."""
    resolve_and_record(wiring, audit, subject_id)
    rectify_subject(wiring.engine, subject_id, field, body.value, correlation_id, datetime.now(UTC))
    return _person(wiring, subject_id)


@router.delete("/people/{subject_id}/rectifications/{field}", summary="Withdraw a correction")
def delete_rectification(
    subject_id: SubjectId,
    field: FieldName,
    wiring: WiringDep,
    caller: Officer,
    audit: Annotated[Recorder, recorded("person.rectify", "rights")],
) -> PersonOut:
    """Withdraw a correction: the inferred value is shown again."""
    resolve_and_record(wiring, audit, subject_id)
    withdraw_rectification(wiring.engine, subject_id, field)
    return _person(wiring, subject_id)
