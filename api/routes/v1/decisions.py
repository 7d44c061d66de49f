"""`POST /api/v1/decisions`: which ad to show, recorded before it is answered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.decisions.decide import DecisionRequest
from alphaads_pipelines.telemetry import DECISIONS
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import DecidingDep

router = APIRouter(tags=["decisions"])
_encoder = msgspec.json.Encoder()


class DecisionIn(BaseModel):
    """Who will see the ad, and where."""

    model_config = ConfigDict(extra="forbid")
    subject_id: str | None = Field(None, pattern=r"^[0-9a-f]{32}$", description="None: nothing is personalised.")
    placement: str = Field("feed", pattern=r"^[a-z0-9_-]{1,64}$")


class DecisionOut(BaseModel):
    """The answer, as documented; it is written by msgspec from `decisions.decide.Decision`."""

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
def make_decision(
    body: DecisionIn,
    held: DecidingDep,
    caller: Annotated[Caller, scope("decisions:write")],
    audit: Annotated[Recorder, recorded("decision.make", "personalised_ads")],
) -> Response:
    """Choose an approved creative for the subject's mood, if they allow it; the record is spooled before this answers.

    Without consent to personalised ads a decision is made all the same, without anything of the person.
    """
    request = DecisionRequest(body.subject_id, body.placement, caller.tenant, held.correlation_id)
    permission = held.permissions.of(body.subject_id)
    audit.record(body.subject_id, *permission.subjects) if body.subject_id else audit.nobody()
    decision = held.decider.decide(held.snapshot, request, permission, datetime.now(UTC), held.most_age_s)
    record = _encoder.encode(decision)
    held.spool.append(record)
    DECISIONS.labels(decision.policy).inc()
    return Response(record, media_type="application/json")
