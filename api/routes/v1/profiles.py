"""`GET /api/v1/profiles/{subject_id}`: a person's published profile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel

from alphaads_pipelines.errors import NotFound, Restricted
from alphaads_pipelines.profiles.state import encode
from alphaads_pipelines.profiles.view import view
from alphaads_pipelines.stores.permissions import Permission, profile_permission_of
from alphaads_pipelines.stores.subjects import resolve_subject
from alphaads_pipelines.wiring import Wiring
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import SettingsDep, SnapshotDep, WiringDep

router = APIRouter(tags=["profiles"])
SubjectId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Random id of the subject.")]


class ProfileOut(BaseModel):
    """The profile, the version of the data it is from, and how old that is.

    `subjects` are linked with consent and shown as one; `rectified` names the fields that the person corrected.
    """

    subject_id: str
    subjects: list[str]
    profile: dict[str, Any]
    rectified: list[str]
    version: str
    data_age_s: float


@router.get("/profiles/{subject_id}", summary="A published profile")
def get_profile(
    subject_id: SubjectId,
    wiring: WiringDep,
    snapshot: SnapshotDep,
    settings: SettingsDep,
    caller: Annotated[Caller, scope("profiles:read")],
    audit: Annotated[Recorder, recorded("profile.read", "personalised_ads")],
) -> ProfileOut:
    """Mood, trend, rhythm and emotional journey, as last published; 409 while restricted, 410 once erased."""
    now = datetime.now(UTC)
    permission = _permission(wiring, subject_id)
    audit.record(*permission.subjects)
    age = snapshot.check_age(now, settings.max_data_age_s)
    state = snapshot.state_together(permission.subjects)
    if state is None:
        raise NotFound("there is no published profile of this subject")
    return ProfileOut(
        subject_id=subject_id,
        subjects=list(permission.subjects),
        profile={**msgspec.to_builtins(view(encode(state), now)), **permission.rectified},
        rectified=sorted(permission.rectified),
        version=snapshot.version,
        data_age_s=round(age, 3),
    )


def _permission(wiring: Wiring, subject_id: str) -> Permission:
    permission = profile_permission_of(wiring.engine, subject_id)
    if permission.refusal == "restricted":
        raise Restricted("the data of this person is restricted: it is kept and not used")
    if permission.refusal is not None:
        resolve_subject(wiring.engine, wiring.pseudonyms, subject_id)  # raises: erased, or never known
    return permission
