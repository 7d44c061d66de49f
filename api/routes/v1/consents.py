"""`/api/v1/consents` and `/api/v1/links`: a person's consents by purpose, and links between their accounts.

`platform:author_id` is sent in bodies, never in paths, because paths are logged.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.privacy.consent import EVIDENCE, ConsentEvent, current
from alphaads_pipelines.stores.subjects.consents import consent_history, record_consent
from alphaads_pipelines.stores.subjects.permissions import link, unlink
from alphaads_pipelines.stores.subjects.subjects import resolve_subject
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import WiringDep
from api.subject_params import SubjectId, resolve_and_record

router = APIRouter(tags=["consents"])
Subject = Annotated[str, Field(min_length=3, max_length=256, description="Subject id, or platform:author_id.")]
MOST_LINKED = 20


class ConsentIn(BaseModel):
    """A person's grant or withdrawal for one purpose, and a reference to its evidence."""

    model_config = ConfigDict(extra="forbid")
    subject: Subject
    purpose: str = Field(max_length=32, examples=["personalised_ads"])
    granted: bool
    evidence: str = Field(pattern=EVIDENCE, description="A reference that identifies no one.", examples=["form-7"])


class EventOut(BaseModel):
    """One grant or withdrawal."""

    purpose: str
    granted: bool
    source: str
    evidence: str
    recorded_at: datetime
    change_seq: int


class ConsentOut(BaseModel):
    """The recorded event and its subject."""

    subject_id: str
    event: EventOut


class ConsentsOut(BaseModel):
    """A person's allowed purposes (any other is not allowed) and their history, oldest first."""

    subject_id: str
    allowed: list[str]
    history: list[EventOut]


class LinkIn(BaseModel):
    """Subjects on several networks that declare themselves one person."""

    model_config = ConfigDict(extra="forbid")
    subjects: list[Subject] = Field(min_length=2, max_length=MOST_LINKED)


class LinkOut(BaseModel):
    """All subjects of that person."""

    subjects: list[str]


class Unlinked(BaseModel):
    """Whether the subject was linked."""

    unlinked: bool


def _event_out(event: ConsentEvent) -> EventOut:
    return EventOut(
        purpose=event.purpose,
        granted=event.is_granted,
        source=event.source,
        evidence=event.evidence,
        recorded_at=event.recorded_at,
        change_seq=event.change_seq,
    )


@router.get("/consents/{subject_id}", summary="Get a person's consents")
def show_consents(
    subject_id: SubjectId,
    wiring: WiringDep,
    caller: Annotated[Caller, scope("consents:read")],
    audit: Annotated[Recorder, recorded("consent.read", "rights")],
) -> ConsentsOut:
    """List the purposes that the person allows now, and the history."""
    resolve_and_record(wiring, audit, subject_id)
    history = consent_history(wiring.engine, subject_id)
    allowed = sorted(purpose for purpose, event in current(history).items() if event.is_granted)
    return ConsentsOut(subject_id=subject_id, allowed=allowed, history=[_event_out(each) for each in history])


@router.post("/consents", status_code=201, summary="Record a grant or withdrawal of consent")
def put_consent(
    body: ConsentIn,
    wiring: WiringDep,
    caller: Annotated[Caller, scope("consents:write")],
    audit: Annotated[Recorder, recorded("consent.write", "rights")],
) -> ConsentOut:
    """Record a grant or withdrawal, effective from the next decision. Withdrawing `linking` also unlinks."""
    subject_id = resolve_and_record(wiring, audit, body.subject)
    event = record_consent(
        wiring.engine,
        subject_id,
        body.purpose,
        granted=body.granted,
        source="api",
        evidence=body.evidence,
        now=datetime.now(UTC),
    )
    return ConsentOut(subject_id=subject_id, event=_event_out(event))


@router.post("/links", status_code=201, summary="Link a person's accounts")
def put_link(
    body: LinkIn,
    wiring: WiringDep,
    caller: Annotated[Caller, scope("consents:write")],
    audit: Annotated[Recorder, recorded("person.link", "linking")],
) -> LinkOut:
    """Treat the subjects as one person. Each must have allowed `linking`; some networks' terms forbid it."""
    subjects = [resolve_subject(wiring.engine, wiring.pseudonyms, each) for each in body.subjects]
    audit.record(*subjects)
    return LinkOut(subjects=list(link(wiring.engine, subjects, datetime.now(UTC))))


@router.delete("/links/{subject_id}", summary="Unlink an account")
def delete_link(
    subject_id: SubjectId,
    wiring: WiringDep,
    caller: Annotated[Caller, scope("consents:write")],
    audit: Annotated[Recorder, recorded("person.unlink", "linking")],
) -> Unlinked:
    """Unlink the subject from the next decision on; its consents stay."""
    resolve_and_record(wiring, audit, subject_id)
    return Unlinked(unlinked=unlink(wiring.engine, subject_id))
