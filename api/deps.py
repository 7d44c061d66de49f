"""What routes ask for: the objects of the app, by type.

None of them waits for anything, so they are coroutines: others would each be handed to a thread and back.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from alphaads_pipelines.decisions.decide import Decider
from alphaads_pipelines.decisions.permissions import Permissions
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.decisions.spool import Spool
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring import Wiring


def _held(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


async def _wiring(request: Request) -> Wiring:
    return _held(request)


async def _settings(request: Request) -> Settings:
    return _held(request).settings


async def _snapshot(request: Request) -> Snapshot:
    snapshot: Snapshot = request.app.state.reader.current
    return snapshot


class Deciding(NamedTuple):
    """What a decision is made with; in one piece, since FastAPI takes its time for each that is asked for."""

    snapshot: Snapshot
    permissions: Permissions
    decider: Decider
    spool: Spool
    most_age_s: float
    correlation_id: str


async def _deciding(request: Request) -> Deciding:
    held, most_age_s = request.app.state, _held(request).settings.max_data_age_s
    correlation_id = str(request.state.correlation_id)
    return Deciding(held.reader.current, held.permissions, held.decider, held.spool, most_age_s, correlation_id)


async def _correlation_id(request: Request) -> str:
    return str(request.state.correlation_id)


WiringDep = Annotated[Wiring, Depends(_wiring)]
SettingsDep = Annotated[Settings, Depends(_settings)]
SnapshotDep = Annotated[Snapshot, Depends(_snapshot)]
DecidingDep = Annotated[Deciding, Depends(_deciding)]
CorrelationId = Annotated[str, Depends(_correlation_id)]
