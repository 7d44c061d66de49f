"""Access to a published profile, for all routes that show one: permission, audit record, read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.errors import NotFound, Restricted
from alphaads_pipelines.pipeline.segments import read_segments
from alphaads_pipelines.profiles.segments import segment_of, traits_of
from alphaads_pipelines.profiles.state import ProfileState
from alphaads_pipelines.stores.subjects.permissions import Permission, profile_permission_of
from alphaads_pipelines.stores.subjects.subjects import resolve_subject
from alphaads_pipelines.wiring.app import Wiring
from api.audit import Recorder


class TraitOut(BaseModel):
    """A feature that sets a segment apart, in standard deviations."""

    feature: str
    deviations: float


class SegmentOut(BaseModel):
    """A behavioural segment."""

    segment_id: str
    traits: list[TraitOut]


@dataclass(frozen=True, slots=True)
class PublishedProfile:
    """A published profile that the caller may see.

    Parameters
    ----------
    subjects: subjects linked with consent and shown as one, the requested one first.
    rectified: corrections by the person; they override inferred values.
    segment: None if there are no segments yet, or too few posts.
    """

    now: datetime
    subjects: tuple[str, ...]
    state: ProfileState
    rectified: Mapping[str, Any]
    segment: SegmentOut | None
    version: str
    data_age_s: float


def read_published_profile(wiring: Wiring, snapshot: Snapshot, audit: Recorder, subject_id: str) -> PublishedProfile:
    """Read a subject's published profile, after recording the access.

    Raises
    ------
    Restricted: the person's data may not be used. Erased. NotFound: the subject is unknown or not published.
    StaleData: the published data is too old. StoreUnavailable: of store or audit log.
    """
    now = datetime.now(UTC)
    permission = _permission(wiring, subject_id)
    audit.record(*permission.subjects)
    age = snapshot.check_age(now, wiring.settings.max_data_age_s)
    state = snapshot.combined_state(permission.subjects)
    if state is None:
        raise NotFound("there is no published profile of this subject")
    return PublishedProfile(
        now=now,
        subjects=permission.subjects,
        state=state,
        rectified=permission.rectified,
        segment=_segment(wiring, state),
        version=snapshot.version,
        data_age_s=round(age, 3),
    )


def _permission(wiring: Wiring, subject_id: str) -> Permission:
    permission = profile_permission_of(wiring.engine, subject_id)
    if permission.refusal == "restricted":
        raise Restricted("the data of this person is restricted: it is kept and not used")
    if permission.refusal is not None:
        resolve_subject(wiring.engine, wiring.pseudonyms, subject_id)  # raises Erased or NotFound
    return permission


def _segment(wiring: Wiring, state: ProfileState) -> SegmentOut | None:
    segmentation = read_segments(wiring.engine)
    segment_id = segment_of(state, segmentation)
    for segment in segmentation.segments:
        if segment.segment_id == segment_id:
            traits = [TraitOut(feature=name, deviations=off) for name, off in traits_of(segment, segmentation)]
            return SegmentOut(segment_id=segment_id, traits=traits)
    return None
