"""Prune runs, events, delivered messages and results, which are otherwise kept for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

from alphaads_pipelines.settings import Settings

_CHUNK = 200
_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def prune_runs(instance: DagsterInstance, before: datetime) -> int:
    """Delete finished runs created before a time, with events and checks; return how many."""
    old = RunsFilter(statuses=_FINISHED, created_before=before)
    deleted = 0
    while records := instance.get_run_records(old, limit=_CHUNK, ascending=True):
        run_ids = [record.dagster_run.run_id for record in records]
        _prune_checks(instance, run_ids)
        for run_id in run_ids:
            instance.delete_run(run_id)
        deleted += len(run_ids)
    return deleted


def _prune_checks(instance: DagsterInstance, run_ids: Sequence[str]) -> None:
    """Delete check results of these runs, from a private table that a test asserts."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage), "both sizes keep their events in SQL"
    with storage.index_connection() as connection:
        checks = AssetCheckExecutionsTable
        connection.execute(sa.delete(checks).where(checks.c.run_id.in_(run_ids)))


def prune_broker(settings: Settings, before: datetime) -> int:
    """Delete delivered messages and old results from the SQLite broker; return how many. Redis expires its own."""
    if settings.redis_url is not None:
        return 0
    from celery.backends.database.models import Task
    from kombu.transport.sqlalchemy.models import metadata

    from resources.instance import declare_broker_tables, sqlite_url

    declare_broker_tables()
    messages, results = metadata.tables["kombu_message"], Task.__table__
    # Naive times: local in kombu, UTC in Celery.
    delivered = (messages.c.visible.is_(False)) & (messages.c.timestamp < before.astimezone().replace(tzinfo=None))
    return _delete(sqlite_url(settings.broker_url), messages, delivered) + _delete(
        sqlite_url(settings.result_backend_url), results, results.c.date_done < before.replace(tzinfo=None)
    )


def _delete(url: str, table: sa.Table, where: sa.ColumnElement[bool]) -> int:
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            return connection.execute(sa.delete(table).where(where)).rowcount
    finally:
        engine.dispose()
