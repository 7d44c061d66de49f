"""`GET /api/v1/rights/export/{subject_id}`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from alphaads_pipelines.rights.access.export import json_chunks, recorded_export
from alphaads_pipelines.wiring.app import Wiring
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import CorrelationId, WiringDep
from api.subject_params import SubjectId, resolve_and_record

router = APIRouter(tags=["rights"])
_JSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/json": {"schema": {"type": "object"}}}}}


@router.get("/rights/export/{subject_id}", summary="Export all data held on a person", responses=_JSON)
def export(
    subject_id: SubjectId,
    wiring: WiringDep,
    correlation_id: CorrelationId,
    caller: Annotated[Caller, scope("privacy:officer")],
    audit: Annotated[Recorder, recorded("subject.export", "rights")],
) -> StreamingResponse:
    """Stream the document that `alphaads export` writes. If it is cut off, it is not valid JSON.

    404: unknown subject; 410: this person was erased.
    """
    resolve_and_record(wiring, audit, subject_id)
    chunks = _chunks(wiring, subject_id, correlation_id)
    first = next(chunks)  # before the status is sent, so that an early failure is an error response
    name = f'attachment; filename="export-{subject_id}.json"'
    headers = {"Content-Disposition": name}
    return StreamingResponse(chain([first], chunks), media_type="application/json", headers=headers)


def _chunks(wiring: Wiring, subject_id: str, correlation_id: str) -> Iterator[bytes]:
    with recorded_export(wiring.rights.sources, subject_id, correlation_id, datetime.now(UTC)) as held:
        yield from json_chunks(held)
