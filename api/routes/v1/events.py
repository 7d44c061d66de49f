"""`POST /api/v1/events`."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from alphaads_pipelines.streams.base import Record
from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import CorrelationId, WiringDep

router = APIRouter(tags=["decisions"])


class EventIn(BaseModel):
    """One event; idempotent by `event_id`."""

    model_config = ConfigDict(extra="forbid")
    event_id: str = Field(pattern=r"^[0-9A-Za-z_-]{8,64}$")
    decision_id: str = Field(pattern=r"^[0-9a-f]{32}$")
    kind: Literal["impression", "click", "conversion"]
    occurred_at: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))


class EventsIn(BaseModel):
    """Events, in any order."""

    model_config = ConfigDict(extra="forbid")
    events: list[EventIn] = Field(min_length=1, max_length=1_000)


class EventsTaken(BaseModel):
    """The number of events written to the stream."""

    taken: int
    correlation_id: str


@router.post("/events", status_code=202, summary="Report ad events")
def take_events(
    body: EventsIn,
    wiring: WiringDep,
    correlation_id: CorrelationId,
    caller: Annotated[Caller, scope("events:write")],
    audit: Annotated[Recorder, recorded("events.take_in", "intake")],
) -> EventsTaken:
    """Write the events to the stream that the bandit policies learn from."""
    audit.record()
    topic = wiring.topics.events
    partitions = wiring.stream.partitions(topic)
    records = [
        Record(
            zlib.crc32(event.decision_id.encode()) % partitions,
            orjson.dumps({**event.model_dump(mode="json"), "tenant": caller.tenant, "correlation_id": correlation_id}),
        )
        for event in body.events
    ]
    wiring.stream.produce(topic, records)
    return EventsTaken(taken=len(records), correlation_id=correlation_id)
