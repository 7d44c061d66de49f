"""`GET /api/v1/profiles/{subject_id}`."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter
from pydantic import BaseModel

from alphaads_pipelines.profiles.engagement import view_engagement
from alphaads_pipelines.profiles.view import view_of
from alphaads_pipelines.stores.engagement import read_engagement
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import SnapshotDep, WiringDep
from api.profile_access import SegmentOut, read_published_profile
from api.subject_params import SubjectId

router = APIRouter(tags=["profiles"])


class EngagementOut(BaseModel):
    """Ad engagement over all time; `decayed` has a half-life of a week. See `profiles.engagement.Engagement`."""

    impressions: int
    clicks: int
    conversions: int
    ctr_ratio: float | None
    decayed: dict[str, float | None]


class ProfileOut(BaseModel):
    """The profile, with the version and age of its data.

    `subjects` are linked with consent and shown as one; `rectified` lists the fields that the person corrected.
    """

    subject_id: str
    subjects: list[str]
    profile: dict[str, Any]
    rectified: list[str]
    segment: SegmentOut | None
    engagement: EngagementOut
    version: str
    data_age_s: float


@router.get("/profiles/{subject_id}", summary="Get a published profile")
def get_profile(
    subject_id: SubjectId,
    wiring: WiringDep,
    snapshot: SnapshotDep,
    caller: Annotated[Caller, scope("profiles:read")],
    audit: Annotated[Recorder, recorded("profile.read", "personalised_ads")],
) -> ProfileOut:
    """Return mood, trend, rhythm and emotional journey as last published. 409 while restricted, 410 once erased."""
    published = read_published_profile(wiring, snapshot, audit, subject_id)
    hours = read_engagement(wiring.engine, *published.subjects)
    return ProfileOut(
        subject_id=subject_id,
        subjects=list(published.subjects),
        profile={**msgspec.to_builtins(view_of(published.state, published.now)), **published.rectified},
        rectified=sorted(published.rectified),
        segment=published.segment,
        engagement=EngagementOut(**msgspec.to_builtins(view_engagement(hours, published.now))),
        version=published.version,
        data_age_s=published.data_age_s,
    )
