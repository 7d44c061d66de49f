"""The processes of an installation, as data for the supervisor and for deployment files."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from alphaads_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of process; dead processes restart.

    Attributes
    ----------
    arguments: of the interpreter; `{...}` names a setting or a value of `processes`.
    port: setting or value of the port it listens on.
    is_awaited: whether later services wait for the open port.
    replicas: setting of the number of processes NAME1, NAME2 ...; None: one.
    """

    name: str
    arguments: tuple[str, ...]
    port: str | None = None
    is_awaited: bool = False
    replicas: str | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A process to run; later processes wait until its loopback `port` is open."""

    name: str
    command: tuple[str, ...]
    port: int | None = None


_WORKER = "-m alphaads_pipelines.runtime.worker {name}"
_API = "-m uvicorn --factory api.app:create_app --host {api_host} --port {api_port} --no-access-log"
_METRICS = "-m alphaads_pipelines.runtime.metrics"
_CODE_SERVER = (
    "-m dagster api grpc --module-name alphaads_pipelines.definitions --empty-working-directory "
    "--host 127.0.0.1 --port {code_server_port} --fixed-server-id {server_id} "
    "--log-level warning --location-name {location}"
)
_DAEMON = "-m alphaads_pipelines.runtime.daemon {workspace}"
# Loopback only: the UI has no authentication.
_UI = "-m dagster_webserver --host 127.0.0.1 --port {dagster_port} --workspace {workspace} --log-level warning"

SERVICES = (
    Service("worker", tuple(_WORKER.split()), replicas="workers"),
    Service("api", tuple(_API.split()), port="api_port"),
    Service("metrics", tuple(_METRICS.split()), port="metrics_port"),
    Service("code-server", tuple(_CODE_SERVER.split()), port="code_server_port", is_awaited=True),
    Service("daemon", tuple(_DAEMON.split())),
    Service("dagster-ui", tuple(_UI.split()), port="dagster_port"),
)
"""In start order."""


def processes(settings: Settings, workspace: Path, code_server_port: int) -> list[Process]:
    """Every process of an installation, in start order."""
    from resources.instance import LOCATION

    made = {"workspace": workspace, "code_server_port": code_server_port, "location": LOCATION}
    values = {**dict(settings), **made, "server_id": uuid.uuid4().hex}
    return [_process(service, name, values) for service in SERVICES for name in _names(service, values)]


def _names(service: Service, values: Mapping[str, object]) -> list[str]:
    if service.replicas is None:
        return [service.name]
    return [f"{service.name}{number}" for number in range(1, int(str(values[service.replicas])) + 1)]


def _process(service: Service, name: str, values: Mapping[str, object]) -> Process:
    arguments = (each.format_map({**values, "name": name}) for each in service.arguments)
    port = int(str(values[service.port])) if service.port and service.is_awaited else None
    return Process(name, (sys.executable, *arguments), port)
