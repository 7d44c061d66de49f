"""`GET /api/v1/profiles/{subject_id}/journey`, and `.../journey/page` as HTML."""

from __future__ import annotations

import base64
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from pydantic import AwareDatetime, BaseModel

from alphaads_pipelines.nlp.plots import EMOTION_COLOURS
from alphaads_pipelines.nlp.tracked_names import read_names
from alphaads_pipelines.profiles.journey import Journey, journey_of
from alphaads_pipelines.profiles.journey_plot import journey_plot_png
from alphaads_pipelines.schema.tables import EMOTIONS
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import SnapshotDep, WiringDep
from api.profile_access import SegmentOut, read_published_profile
from api.subject_params import SubjectId
from api.templates import page

router = APIRouter(tags=["profiles"])
AsOf = Annotated[AwareDatetime | None, Query(description="RFC 3339 time with offset; default: now.")]
Reader = Annotated[Caller, scope("profiles:read")]
Record = Annotated[Recorder, recorded("journey.read", "personalised_ads")]
_EPISODES_SHOWN = 15


class JourneyOut(BaseModel):
    """The journey as of a time, the person's current segment, and the version and age of the data.

    `rectified` holds the person's corrections, which override the inferred journey.
    """

    subject_id: str
    subjects: list[str]
    journey: dict[str, Any]
    rectified: dict[str, Any]
    segment: SegmentOut | None
    version: str
    data_age_s: float


@router.get("/profiles/{subject_id}/journey", summary="Get an emotional journey")
def get_journey(
    subject_id: SubjectId, wiring: WiringDep, snapshot: SnapshotDep, caller: Reader, audit: Record, as_of: AsOf = None
) -> JourneyOut:
    """Return episodes, changes and their antecedents, transitions and volatility as of any time.

    Posts from later hours are ignored. 409 while restricted, 410 once erased.
    """
    published = read_published_profile(wiring, snapshot, audit, subject_id)
    return JourneyOut(
        subject_id=subject_id,
        subjects=list(published.subjects),
        journey=msgspec.to_builtins(journey_of(published.state, as_of or published.now)),
        rectified=dict(published.rectified),
        segment=published.segment,
        version=published.version,
        data_age_s=published.data_age_s,
    )


@router.get(
    "/profiles/{subject_id}/journey/page", summary="Get an emotional journey as HTML", response_class=HTMLResponse
)
def get_journey_page(
    subject_id: SubjectId, wiring: WiringDep, snapshot: SnapshotDep, caller: Reader, audit: Record, as_of: AsOf = None
) -> HTMLResponse:
    """Return the journey as an HTML page with a chart."""
    published = read_published_profile(wiring, snapshot, audit, subject_id)
    journey = journey_of(published.state, as_of or published.now)
    _, tracked = read_names(wiring.engine, caller.tenant)
    inferred = journey.episodes[-1].emotion if journey.episodes else None
    return page(
        "journey.html",
        subject_id=subject_id,
        journey=journey,
        mood=published.rectified.get("mood", inferred),
        is_rectified="mood" in published.rectified,
        episodes=journey.episodes[: -_EPISODES_SHOWN - 1 : -1],
        picture=base64.b64encode(journey_plot_png(journey)).decode(),
        names={each.tracked_id: each.name for each in tracked},
        segment=published.segment,
        emotions=_seen(journey),
        colours=EMOTION_COLOURS,
        version=published.version,
        data_age_s=published.data_age_s,
    )


def _seen(journey: Journey) -> list[str]:
    """The columns of the table."""
    return [name for name in EMOTIONS if any(name in hour.emotions for hour in journey.hours)]
