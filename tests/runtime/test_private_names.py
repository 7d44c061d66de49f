"""Names that other packages do not promise and that this house leans on: their versions are pinned, this holds them."""

from __future__ import annotations

import inspect

import pytest
from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._daemon import sensor
from dagster_postgres import PostgresEventLogStorage, PostgresRunStorage, PostgresScheduleStorage
from kombu.transport.sqlalchemy import Transport

from alphaads_pipelines.runtime import daemon
from alphaads_pipelines.runtime.worker import BROKER_POLL_S, celery_app
from alphaads_pipelines.settings import Settings
from resources.instance import QUEUE, declare_broker_tables
from resources.postgres_storage import (
    PooledPostgresEventLogStorage,
    PooledPostgresRunStorage,
    PooledPostgresScheduleStorage,
)
from resources.sqlite_storage import PooledEventLogStorage, PooledRunStorage, PooledScheduleStorage


@pytest.mark.parametrize(
    ("pooled", "stock", "name"),
    [
        (PooledEventLogStorage, ConsolidatedSqliteEventLogStorage, "_connect"),
        (PooledRunStorage, SqliteRunStorage, "connect"),
        (PooledScheduleStorage, SqliteScheduleStorage, "connect"),
    ],
    ids=["events", "runs", "schedules"],
)
def test_stock_storage_opens_its_connections_where_ours_takes_over(pooled: type, stock: type, name: str) -> None:
    assert issubclass(pooled, stock)
    assert getattr(pooled, name) is not getattr(stock, name)
    assert "_conn_string" in inspect.getsource(stock)


@pytest.mark.parametrize(
    ("pooled", "stock"),
    [
        (PooledPostgresEventLogStorage, PostgresEventLogStorage),
        (PooledPostgresRunStorage, PostgresRunStorage),
        (PooledPostgresScheduleStorage, PostgresScheduleStorage),
    ],
    ids=["events", "runs", "schedules"],
)
def test_stock_postgresql_storage_asks_the_engine_that_ours_replaces(pooled: type, stock: type) -> None:
    assert issubclass(pooled, stock)
    assert "self._engine" in inspect.getsource(stock)


def test_the_sensor_loop_reads_the_constant_that_the_daemon_shortens(monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, object] = {}

    def command(arguments: list[str], **_: object) -> None:
        started.update(arguments=arguments, loop=sensor.MIN_INTERVAL_LOOP_TIME)

    monkeypatch.setattr(sensor, "MIN_INTERVAL_LOOP_TIME", 5)
    monkeypatch.setattr(daemon, "create_dagster_daemon_cli", lambda: command)
    daemon.main("workspace.yaml")
    assert started["loop"] == daemon.SENSOR_LOOP_S < 1
    assert started["arguments"][:3] == ["run", "--workspace", "workspace.yaml"]  # type: ignore[index]
    assert "MIN_INTERVAL_LOOP_TIME" in inspect.getsource(sensor.execute_sensor_iteration_loop)


def test_the_workers_app_speaks_with_the_launcher(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Transport, "polling_interval", Transport.polling_interval)
    app = celery_app(settings)
    assert {"execute_job", "resume_job"} <= set(app.tasks)
    assert app.conf.broker_url == settings.broker_url
    assert app.conf.result_backend == settings.result_backend_url
    assert app.conf.task_default_queue == QUEUE
    assert app.conf.worker_prefetch_multiplier == 1
    assert Transport.polling_interval == BROKER_POLL_S


def test_kombu_declares_its_tables_when_asked() -> None:
    from kombu.transport.sqlalchemy.models import metadata

    declare_broker_tables()
    assert {"visible", "timestamp", "payload"} <= set(metadata.tables["kombu_message"].columns.keys())
