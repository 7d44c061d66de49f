"""Pruning: Dagster keeps every run, event, delivered message and result for ever unless somebody deletes them."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from alphaads_pipelines.settings import Settings

_CHUNK = 200
_FINISHED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]


def prune_runs(instance: DagsterInstance, before: datetime) -> int:
    """Delete finished runs that were created before a time, with their events; how many."""
    old = RunsFilter(statuses=_FINISHED, created_before=before)
    deleted = 0
    while records := instance.get_run_records(old, limit=_CHUNK, ascending=True):
        for record in records:
            instance.delete_run(record.dagster_run.run_id)
        deleted += len(records)
    return deleted


def prune_broker(settings: Settings, before: datetime) -> int:
    """Delete delivered messages and old results from the SQLite broker; how many. Redis forgets by itself."""
    if settings.redis_url is not None:
        return 0
    from celery.backends.database.models import Task
    from kombu.transport.sqlalchemy.models import metadata

    from resources.instance import declare_broker_tables, sqlite_url

    declare_broker_tables()
    messages, results = metadata.tables["kombu_message"], Task.__table__
    # Both libraries write local, respectively UTC, time without a zone.
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
