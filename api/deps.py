"""What routes ask for: the objects of the app, by type."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from alphaads_pipelines.decisions.decide import Decider
from alphaads_pipelines.decisions.permissions import Permissions
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.decisions.spool import Spool
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring import Wiring


def _wiring(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


def _settings(request: Request) -> Settings:
    return _wiring(request).settings


def _snapshot(request: Request) -> Snapshot:
    snapshot: Snapshot = request.app.state.reader.current
    return snapshot


def _spool(request: Request) -> Spool:
    spool: Spool = request.app.state.spool
    return spool


def _permissions(request: Request) -> Permissions:
    permissions: Permissions = request.app.state.permissions
    return permissions


def _decider(request: Request) -> Decider:
    decider: Decider = request.app.state.decider
    return decider


def _correlation_id(request: Request) -> str:
    return str(request.state.correlation_id)


WiringDep = Annotated[Wiring, Depends(_wiring)]
SettingsDep = Annotated[Settings, Depends(_settings)]
SnapshotDep = Annotated[Snapshot, Depends(_snapshot)]
PermissionsDep = Annotated[Permissions, Depends(_permissions)]
DeciderDep = Annotated[Decider, Depends(_decider)]
SpoolDep = Annotated[Spool, Depends(_spool)]
CorrelationId = Annotated[str, Depends(_correlation_id)]
