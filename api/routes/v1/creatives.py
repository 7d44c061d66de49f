"""`/api/v1/creatives`: texts of the caller's campaigns. Reviews take effect on each server with its next poll."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from alphaads_pipelines.creatives.creative_rows import StoredCreative
from alphaads_pipelines.creatives.creative_store import (
    LONGEST_NOTE,
    approve_creative,
    list_creatives,
    read_creative,
    reject_creative,
    resubmit_creative,
)
from alphaads_pipelines.creatives.review import Review
from api.access import scope
from api.audit import about_nobody
from api.credentials import Caller
from api.deps import WiringDep
from api.pagination import After, IdPath, IdQuery, Limit, next_page

router = APIRouter(tags=["campaigns"])
State = Literal["draft", "pending", "approved", "refused", "needs_review"]
Reader = Annotated[Caller, scope("campaigns:read")]
Reviewer = Annotated[Caller, scope("creatives:review")]
WithRetired = Annotated[bool, Query(description="Include texts that their campaign no longer uses.")]


class NoteIn(BaseModel):
    """The reason for a review decision."""

    model_config = ConfigDict(extra="forbid")
    note: str = Field(min_length=1, max_length=LONGEST_NOTE)


class StandingOut(BaseModel):
    """A review state; `reasons` are moderation codes, doubts included."""

    state: State
    reasons: list[str]
    reviewer: str | None
    note: str | None
    changed_at: datetime


class CreativeOut(StandingOut):
    """A text and its review state; only current, approved texts are served."""

    creative_id: str
    campaign_id: str
    emotion: str
    tone: str
    headline: str
    body: str
    call_to_action: str
    placement: str
    generator: str
    is_current: bool
    created_at: datetime


class CreativeHistoryOut(CreativeOut):
    """A text with its review states, oldest first."""

    history: list[StandingOut]


class CreativesOut(BaseModel):
    """A page, by id; `next` is the `after` of the next page, null on the last."""

    creatives: list[CreativeOut]
    next: str | None


def _standing(review: Review) -> StandingOut:
    return StandingOut(
        state=review.state,
        reasons=list(review.reasons),
        reviewer=review.reviewer,
        note=review.note,
        changed_at=review.changed_at,
    )


def _shown(stored: StoredCreative) -> CreativeOut:
    text = stored.creative
    return CreativeOut(
        **_standing(stored.review).model_dump(),
        creative_id=text.creative_id,
        campaign_id=text.campaign_id,
        emotion=text.emotion,
        tone=text.tone,
        headline=text.headline,
        body=text.body,
        call_to_action=text.call_to_action,
        placement=text.placement,
        generator=text.generator,
        is_current=stored.is_current,
        created_at=stored.created_at,
    )


@router.get("/creatives", summary="List creatives; the state needs_review is the review queue")
@about_nobody
def get_creatives(
    wiring: WiringDep,
    caller: Reader,
    state: State | None = None,
    campaign_id: IdQuery = None,
    with_retired: WithRetired = False,
    after: After = None,
    limit: Limit = 100,
) -> CreativesOut:
    """List a page of creatives by id, optionally of one state or campaign."""
    found = list_creatives(
        wiring.engine,
        caller.tenant,
        state=state,
        campaign_id=campaign_id,
        is_current=None if with_retired else True,
        after=after or "",
        limit=limit,
    )
    creatives = [_shown(each) for each in found]
    return CreativesOut(creatives=creatives, next=next_page([each.creative_id for each in creatives], limit))


@router.get("/creatives/{creative_id}", summary="Get a creative with its history")
@about_nobody
def get_creative(creative_id: IdPath, wiring: WiringDep, caller: Reader) -> CreativeHistoryOut:
    """Return a text, its review state and its history."""
    stored, history = read_creative(wiring.engine, caller.tenant, creative_id)
    return CreativeHistoryOut(**_shown(stored).model_dump(), history=[_standing(each) for each in history])


@router.post("/creatives/{creative_id}/approve", summary="Approve a creative")
@about_nobody
def approve(creative_id: IdPath, body: NoteIn, wiring: WiringDep, caller: Reviewer) -> CreativeOut:
    """Approve this text. A text that the rules refuse cannot be approved."""
    now = datetime.now(UTC)
    decision = {"reviewer": caller.name, "note": body.note}
    return _shown(approve_creative(wiring.engine, caller.tenant, creative_id, **decision, now=now))


@router.post("/creatives/{creative_id}/reject", summary="Reject a creative")
@about_nobody
def reject(creative_id: IdPath, body: NoteIn, wiring: WiringDep, caller: Reviewer) -> CreativeOut:
    """Reject a queued or approved text, for good."""
    now = datetime.now(UTC)
    decision = {"reviewer": caller.name, "note": body.note}
    return _shown(reject_creative(wiring.engine, caller.tenant, creative_id, **decision, now=now))


@router.post("/creatives/{creative_id}/resubmit", summary="Moderate a creative again")
@about_nobody
def resubmit(creative_id: IdPath, wiring: WiringDep, caller: Reviewer) -> CreativeOut:
    """Send a text back to moderation; it is not served until the asset `ad_creatives` has reviewed it."""
    return _shown(resubmit_creative(wiring.engine, caller.tenant, creative_id, now=datetime.now(UTC)))
