"""The Dagster home: fill in dagster.yaml from Settings, prepare databases, open the instance."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import yaml
from dagster import DagsterInstance

from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.settings import Settings

QUEUE = "dagster"
"""The only Celery queue that dagster-celery routes to."""

LOCATION = "alphaads"
"""Name of the code location, as in workspace.yaml; keys the state of schedules and sensors."""

_TEMPLATE = Path(__file__).resolve().parent.parent / "dagster.yaml"
_TEMPLATE_ONLY = frozenset({"storage", "local_artifact_storage"})
"""Parts of the template that Settings replace."""


def dagster_yaml(settings: Settings) -> dict[str, Any]:
    """Content of DAGSTER_HOME/dagster.yaml; URLs, which may hold passwords, come from the environment."""
    return {
        **{name: part for name, part in _template().items() if name not in _TEMPLATE_ONLY},
        **_storage(settings),
        "run_launcher": _plugin(
            "dagster_celery.launcher",
            "CeleryRunLauncher",
            broker={"env": "ALPHAADS_BROKER_URL"},
            backend={"env": "ALPHAADS_RESULT_BACKEND_URL"},
            default_queue=QUEUE,
        ),
    }


def _template() -> dict[str, Any]:
    try:
        template: dict[str, Any] = yaml.safe_load(_TEMPLATE.read_text())
    except FileNotFoundError:
        raise ConfigurationError("dagster.yaml is missing; run from a checkout of the project") from None
    return template


def _storage(settings: Settings) -> dict[str, Any]:
    if settings.dagster_database_url:
        module, classes = "resources.postgres_storage", "PooledPostgres"
        where: dict[str, Any] = {"postgres_url": {"env": "ALPHAADS_DAGSTER_DATABASE_URL"}}
    else:
        module, classes = "resources.sqlite_storage", "Pooled"
        where = {"base_dir": str(settings.dagster_home / "storage")}
    return {
        "run_storage": _plugin(module, f"{classes}RunStorage", **where),
        "event_log_storage": _plugin(module, f"{classes}EventLogStorage", **where),
        "schedule_storage": _plugin(module, f"{classes}ScheduleStorage", **where),
    }


def _plugin(module: str, name: str, **config: Any) -> dict[str, Any]:
    return {"module": module, "class": name, "config": config}


def workspace_yaml(code_server_port: int) -> dict[str, Any]:
    """The code server that daemon and web server share, on loopback."""
    server = {"host": "127.0.0.1", "port": code_server_port, "location_name": LOCATION}
    return {"load_from": [{"grpc_server": server}]}


def prepare_home(settings: Settings) -> None:
    """Write dagster.yaml and create the databases, which processes would race to create."""
    settings.dagster_home.mkdir(parents=True, exist_ok=True)
    _write(settings.dagster_home / "dagster.yaml", dagster_yaml(settings))
    if settings.dagster_database_url:
        _create_schema(settings)
    if settings.redis_url is None:
        _create_broker(settings)
    with open_instance(settings):
        pass


def write_workspace(settings: Settings, code_server_port: int) -> Path:
    """Write DAGSTER_HOME/workspace.yaml; return its path."""
    path = settings.dagster_home / "workspace.yaml"
    _write(path, workspace_yaml(code_server_port))
    return path


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """Open the Dagster instance; call `prepare_home` first."""
    settings.export()
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(yaml.safe_dump(content, sort_keys=False))
    partial.replace(path)


def _create_schema(settings: Settings) -> None:
    from alphaads_pipelines.stores.sql.relational import connect, transaction
    from resources.postgres_storage import create_tables

    engine = connect(settings.relational_url)
    try:
        with transaction(engine) as connection:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS dagster")
    finally:
        engine.dispose()
    create_tables(settings.dagster_database_url)


def declare_broker_tables() -> None:
    """Declare kombu's two tables without opening a channel."""
    from kombu.transport.sqlalchemy import Channel

    class _Names(Channel):
        def __init__(self) -> None:
            self._configure_entity_tablenames({})

    _Names()


def sqlite_url(celery_url: str) -> str:
    """The SQLAlchemy URL of a Celery URL."""
    return celery_url.removeprefix("sqla+").removeprefix("db+")


def _create_broker(settings: Settings) -> None:
    """Create the SQLite files of broker and results in WAL mode; kombu would create tables without a lock."""
    from celery.backends.database.models import Task
    from kombu.transport.sqlalchemy.models import metadata
    from sqlalchemy import create_engine

    declare_broker_tables()
    for celery_url, tables in ((settings.broker_url, metadata), (settings.result_backend_url, Task.metadata)):
        url = sqlite_url(celery_url)
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        engine = create_engine(url)
        tables.create_all(engine)
        engine.dispose()
