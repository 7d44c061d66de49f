"""`GET /api/v1/health/detailed`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import sqlalchemy as sa
from fastapi import APIRouter, Response
from pydantic import BaseModel

from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.errors import AlphaAdsError
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.wiring.app import Wiring
from api.access import scope
from api.audit import about_nobody
from api.credentials import Caller
from api.deps import SnapshotDep, WiringDep

router = APIRouter(tags=["health"])


class Part(BaseModel):
    """Health of one part of the service."""

    ok: bool
    detail: str


class HealthOut(BaseModel):
    """Health of all parts; `ok` only if each is."""

    ok: bool
    version: str
    data_age_s: float | None
    backlog_posts: int | None
    parts: dict[str, Part]


def _part(ask: Callable[[], str]) -> Part:
    try:
        return Part(ok=True, detail=ask())
    except AlphaAdsError as error:
        return Part(ok=False, detail=f"{error.code}: {error}")


def _relational(wiring: Wiring) -> str:
    with reading(wiring.engine) as connection:
        connection.execute(sa.select(1))
    return wiring.engine.dialect.name


def _stream(wiring: Wiring) -> str:
    return f"{wiring.settings.stream_kind}, {len(wiring.stream.end_offsets(wiring.topics.posts))} partitions"


def _data(wiring: Wiring, snapshot: Snapshot) -> str:
    age = snapshot.check_age(datetime.now(UTC), wiring.settings.max_data_age_s)
    return f"{age:.1f} s old, {sum(len(subjects) for subjects in snapshot.profiles.values())} profiles"


def _backlog(wiring: Wiring) -> int | None:
    try:
        return wiring.ledger.backlog(wiring.stream.end_offsets(wiring.topics.posts))
    except AlphaAdsError:
        return None


@router.get("/health/detailed", summary="Check each part")
@about_nobody
def detailed(
    wiring: WiringDep, snapshot: SnapshotDep, response: Response, caller: Annotated[Caller, scope("health:read")]
) -> HealthOut:
    """Check relational store, stream and published data; 503 if any of them fails."""
    parts = {
        "relational": _part(lambda: _relational(wiring)),
        "stream": _part(lambda: _stream(wiring)),
        "data": _part(lambda: _data(wiring, snapshot)),
    }
    ok = all(part.ok for part in parts.values())
    response.status_code = 200 if ok else 503
    complete = snapshot.complete_until
    age = None if complete is None else round((datetime.now(UTC) - complete).total_seconds(), 3)
    return HealthOut(ok=ok, version=snapshot.version, data_age_s=age, backlog_posts=_backlog(wiring), parts=parts)
