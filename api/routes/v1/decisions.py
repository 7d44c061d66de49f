"""`POST /api/v1/decisions`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.decisions.decide import DecisionRequest
from alphaads_pipelines.stores.sql.fastpath.transaction import WouldBlock, nonblocking
from alphaads_pipelines.stores.subjects.permissions import Permission
from alphaads_pipelines.telemetry import DECISIONS
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import DecisionContext, DecisionContextDep
from api.fast_route import FastRoute

router = APIRouter(tags=["decisions"], route_class=FastRoute)
_encoder = msgspec.json.Encoder()


class DecisionIn(BaseModel):
    """The subject and placement to decide for."""

    model_config = ConfigDict(extra="forbid")
    subject_id: str | None = Field(None, pattern=r"^[0-9a-f]{32}$", description="Null: not personalised.")
    placement: str = Field("feed", pattern=r"^[a-z0-9_-]{1,64}$")


class DecisionOut(BaseModel):
    """The documented response; msgspec encodes `decisions.decide.Decision` directly."""

    decision_id: str
    campaign_id: str
    arm_id: str
    creative: dict[str, str]
    policy: str
    policy_version: int
    policy_role: str
    propensity: float
    experiments: dict[str, str]
    personalised: bool
    personalisation: str
    reason: str
    version: str
    data_age_s: float


@router.post("/decisions", summary="Decide which ad to show", response_model=DecisionOut)
async def make_decision(
    body: DecisionIn,
    context: DecisionContextDep,
    caller: Annotated[Caller, scope("decisions:write")],
    audit: Annotated[Recorder, recorded("decision.make", "personalised_ads")],
) -> Response:
    """Choose an approved creative for the subject's mood, and spool the record before responding.

    Without consent to personalised ads, the decision uses no data of the person.
    """
    request = DecisionRequest(body.subject_id, body.placement, caller.tenant, context.correlation_id)
    if not context.is_nonblocking:
        return await run_in_threadpool(
            lambda: _decide_and_spool(request, context, _permission(request, context, audit))
        )
    # Handing over to a thread, on another core with cold caches, costs half as much again.
    permission = _permission(request, context, audit)
    try:
        with nonblocking():
            return _decide_and_spool(request, context, permission)
    except WouldBlock:
        return await run_in_threadpool(_decide_and_spool, request, context, permission)


def _permission(request: DecisionRequest, context: DecisionContext, audit: Recorder) -> Permission:
    """Records the access before any personal data is used."""
    permission = context.permissions.of(request.subject_id)
    audit.record(request.subject_id, *permission.subjects) if request.subject_id else audit.nobody()
    return permission


def _decide_and_spool(request: DecisionRequest, context: DecisionContext, permission: Permission) -> Response:
    now = datetime.now(UTC)
    decision = context.decider.decide(context.snapshot, request, permission, now, context.most_age_s)
    record = _encoder.encode(decision)
    context.spool.append(record)
    DECISIONS.labels(decision.policy).inc()
    return Response(record, media_type="application/json")
