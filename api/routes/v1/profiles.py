"""`GET /api/v1/profiles/{subject_id}`: a person's published profile."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path
from pydantic import BaseModel

from alphaads_pipelines.errors import NotFound
from alphaads_pipelines.profiles.view import view
from api.access import scope
from api.credentials import Caller
from api.deps import SettingsDep, SnapshotDep

router = APIRouter(tags=["profiles"])
SubjectId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Random id of the subject.")]


class ProfileOut(BaseModel):
    """The profile, the version of the data it is from, and how old that is."""

    subject_id: str
    profile: dict[str, Any]
    version: str
    data_age_s: float


@router.get("/profiles/{subject_id}", summary="A published profile")
def get_profile(
    subject_id: SubjectId,
    snapshot: SnapshotDep,
    settings: SettingsDep,
    caller: Annotated[Caller, scope("profiles:read")],
) -> ProfileOut:
    """Mood, trend, rhythm and emotional journey, as last published."""
    now = datetime.now(UTC)
    age = snapshot.check_age(now, settings.max_data_age_s)
    state = snapshot.state_of(subject_id)
    if state is None:
        raise NotFound("there is no published profile of this subject")
    profile = msgspec.to_builtins(view(state, now))
    return ProfileOut(subject_id=subject_id, profile=profile, version=snapshot.version, data_age_s=round(age, 3))
