"""`/api/v1/rights`: erasures and data subjects' requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.rights.requests import RightsRequest
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.stores.subjects.links import linked_to
from alphaads_pipelines.stores.subjects.subjects import resolve_subject
from api.access import scope
from api.audit import Recorder, about_nobody, recorded
from api.credentials import Caller
from api.deps import CorrelationId, WiringDep

router = APIRouter(tags=["rights"])
Officer = Annotated[Caller, scope("privacy:officer")]
RequestId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class ErasureIn(BaseModel):
    """The subject to erase."""

    model_config = ConfigDict(extra="forbid")
    subject: str = Field(min_length=1, max_length=512, description="A subject id, or platform:author_id.")
    all_linked: bool = Field(False, description="Also erase every linked subject.")


class RequestOut(BaseModel):
    """A data subject's request; `receipt` is set once an erasure is complete."""

    request_id: str
    kind: str
    state: Literal["open", "running", "done", "refused"]
    step: str | None
    opened_at: datetime
    due_at: datetime
    completed_at: datetime | None
    progress: Mapping[str, Any]
    receipt: Mapping[str, Any] | None


class ErasuresOut(BaseModel):
    """The started erasures, and the number of linked subjects that were not erased."""

    requests: list[RequestOut]
    linked_left: int


@router.post("/rights/erasures", status_code=202, summary="Erase a person")
def erase(
    body: ErasureIn,
    wiring: WiringDep,
    correlation_id: CorrelationId,
    caller: Officer,
    audit: Annotated[Recorder, recorded("subject.erase", "rights")],
) -> ErasuresOut:
    """Destroy the subject's keys at once, which makes their data unreadable.

    The job `erasures` deletes the sealed data within minutes. 404: unknown subject; 410: already erased.
    """
    subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, body.subject)
    with reading(wiring.engine) as connection:
        others = linked_to(connection, subject_id)
    subjects = [subject_id, *(others if body.all_linked else [])]
    audit.record(*subjects)
    begun = [wiring.rights.erasure.begin(each, correlation_id) for each in subjects]
    return ErasuresOut(requests=[_shown(each) for each in begun], linked_left=1 + len(others) - len(subjects))


@router.get("/rights/requests", summary="List data subjects' requests, earliest due first")
@about_nobody
def list_requests(
    wiring: WiringDep,
    caller: Officer,
    only_open: Annotated[bool, Query(description="Omit completed requests.")] = True,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[RequestOut]:
    """List the requests with progress and due date, without identities."""
    return [_shown(each) for each in wiring.rights.rights_requests.list(only_open=only_open, limit=limit)]


@router.get("/rights/requests/{request_id}", summary="Get a request with its receipt")
@about_nobody
def read_request(request_id: RequestId, wiring: WiringDep, caller: Officer) -> RequestOut:
    """Return one request. 404: there is no such request."""
    return _shown(wiring.rights.rights_requests.get(request_id))


def _shown(request: RightsRequest) -> RequestOut:
    return RequestOut(**{name: getattr(request, name) for name in RequestOut.model_fields})
