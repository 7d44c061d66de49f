"""Dependencies of routes: the app's objects, by type.

None blocks, so all are coroutines: FastAPI runs plain functions in a thread.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from fastapi import Depends, Request

from alphaads_pipelines.decisions.decide import Decider
from alphaads_pipelines.decisions.permissions import Permissions
from alphaads_pipelines.decisions.snapshot import Snapshot
from alphaads_pipelines.decisions.spool import Spool
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.fastpath.transaction import is_nonblocking
from alphaads_pipelines.wiring.app import Wiring


def _wiring_of(request: Request) -> Wiring:
    wiring: Wiring = request.app.state.wiring
    return wiring


async def _wiring(request: Request) -> Wiring:
    return _wiring_of(request)


async def _settings(request: Request) -> Settings:
    return _wiring_of(request).settings


async def _snapshot(request: Request) -> Snapshot:
    snapshot: Snapshot = request.app.state.reader.current
    return snapshot


class DecisionContext(NamedTuple):
    """Everything that a decision needs.

    Attributes
    ----------
    at_once: store and audit log are local and unlocked, so the decision does not block.
    """

    snapshot: Snapshot
    permissions: Permissions
    decider: Decider
    spool: Spool
    most_age_s: float
    correlation_id: str
    is_nonblocking: bool


async def _decision_context(request: Request) -> DecisionContext:
    state, wiring, correlation_id = request.app.state, _wiring_of(request), str(request.state.correlation_id)
    most_age_s = wiring.settings.max_data_age_s
    never_blocks = is_nonblocking(wiring.engine) and not wiring.audit.would_block
    parts = (state.reader.current, state.permissions, state.decider, state.spool)
    return DecisionContext(*parts, most_age_s, correlation_id, never_blocks)


async def _correlation_id(request: Request) -> str:
    return str(request.state.correlation_id)


WiringDep = Annotated[Wiring, Depends(_wiring)]
SettingsDep = Annotated[Settings, Depends(_settings)]
SnapshotDep = Annotated[Snapshot, Depends(_snapshot)]
DecisionContextDep = Annotated[DecisionContext, Depends(_decision_context)]
CorrelationId = Annotated[str, Depends(_correlation_id)]
