"""`POST /api/v1/posts`; durable in the stream before the response."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.access import scope
from api.audit import Recorder, recorded
from api.credentials import Caller
from api.deps import CorrelationId, WiringDep

router = APIRouter(tags=["intake"])
MOST_PAYLOADS = 1_000


class PostsIn(BaseModel):
    """Payloads of one network, unchanged."""

    model_config = ConfigDict(extra="forbid")
    platform: str = Field(min_length=1, max_length=32, examples=["generic"])
    payloads: list[dict[str, Any]] = Field(min_length=1, max_length=MOST_PAYLOADS)


class PostsTaken(BaseModel):
    """Payloads read, posts written to the stream, and posts suppressed because their author was erased."""

    read: int
    produced: int
    suppressed: int
    correlation_id: str


@router.post("/posts", status_code=202, summary="Ingest posts")
def take_posts(
    body: PostsIn,
    wiring: WiringDep,
    correlation_id: CorrelationId,
    caller: Annotated[Caller, scope("posts:write")],
    audit: Annotated[Recorder, recorded("posts.take_in", "intake")],
) -> PostsTaken:
    """Seal the payloads and write them to the stream; malformed ones are kept, and rejected with a reason.

    Posts of erased people are dropped and only counted.
    """
    audit.record()
    taken = wiring.intake.take(body.platform, body.payloads, correlation_id)
    return PostsTaken(**asdict(taken), correlation_id=correlation_id)
