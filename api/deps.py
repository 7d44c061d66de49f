"""What routes ask for: the objects of the app, by type.

None of them waits for anything, so they are coroutines: others would each be handed to a thread and back.
"""

from __future__ import annotations

from typing import Annotated

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


async def _spool(request: Request) -> Spool:
    spool: Spool = request.app.state.spool
    return spool


async def _permissions(request: Request) -> Permissions:
    permissions: Permissions = request.app.state.permissions
    return permissions


async def _decider(request: Request) -> Decider:
    decider: Decider = request.app.state.decider
    return decider


async def _correlation_id(request: Request) -> str:
    return str(request.state.correlation_id)


WiringDep = Annotated[Wiring, Depends(_wiring)]
SettingsDep = Annotated[Settings, Depends(_settings)]
SnapshotDep = Annotated[Snapshot, Depends(_snapshot)]
PermissionsDep = Annotated[Permissions, Depends(_permissions)]
DeciderDep = Annotated[Decider, Depends(_decider)]
SpoolDep = Annotated[Spool, Depends(_spool)]
CorrelationId = Annotated[str, Depends(_correlation_id)]
