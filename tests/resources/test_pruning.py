"""Pruning: old finished runs, their events, delivered messages and old results go; young and running ones stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from celery.backends.database.models import Task
from dagster import DagsterInstance, DagsterRunStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.schema import RunsTable
from dagster._core.test_utils import create_run_for_test
from kombu import Connection
from kombu.transport.sqlalchemy.models import metadata

from alphaads_pipelines.runtime.in_process import InProcess, in_process, run_until_idle
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from deploy.servers import Postgres
from resources import names
from resources.instance import QUEUE, sqlite_url
from resources.pruning import prune_broker, prune_runs
from tests.planning import take_in

NOW = datetime.now(UTC)
BEFORE = NOW - timedelta(hours=24)
OLD, YOUNG = BEFORE - timedelta(hours=2), BEFORE + timedelta(hours=2)


def _run(instance: DagsterInstance, status: DagsterRunStatus, created: datetime) -> str:
    run = create_run_for_test(instance, job_name=names.MICRO_BATCH, status=status)
    instance.report_engine_event("something happened", run)
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        this = RunsTable.c.run_id == run.run_id
        connection.execute(RunsTable.update().where(this).values(create_timestamp=created.replace(tzinfo=None)))
    return run.run_id


def test_old_finished_runs_go_with_their_events(jobs: InProcess) -> None:
    instance = jobs.instance
    finished = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED)
    old = [_run(instance, status, OLD) for status in finished]
    young = [_run(instance, status, YOUNG) for status in finished]
    running = [_run(instance, status, OLD) for status in (DagsterRunStatus.STARTED, DagsterRunStatus.STARTING)]
    assert prune_runs(instance, BEFORE) == len(old)
    assert {run.run_id for run in instance.get_runs()} == {*young, *running}
    assert [len(instance.all_logs(run_id)) for run_id in old] == [0] * len(old)
    assert all(len(instance.all_logs(run_id)) == 1 for run_id in (*young, *running))


def test_more_runs_than_are_deleted_at_once_go_too(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.pruning._CHUNK", 2)
    for _ in range(5):
        _run(jobs.instance, DagsterRunStatus.SUCCESS, OLD)
    assert prune_runs(jobs.instance, BEFORE) == 5
    assert jobs.instance.get_runs_count() == 0


def _check_rows(instance: DagsterInstance) -> dict[str, int]:
    """Rows that Dagster keeps of checks, by check."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    query = sa.select(AssetCheckExecutionsTable.c.asset_key, sa.func.count()).group_by("asset_key")
    with storage.index_connection() as connection:
        return dict(connection.execute(query).tuples().all())


def _prunes_checks(wiring: Wiring) -> None:
    with in_process(wiring) as jobs:
        for seed in (1, 2, 3):
            take_in(wiring, 10, seed=seed)
            run_until_idle(wiring)
        before = _check_rows(jobs.instance)
        assert len(before) == 6
        assert min(before.values()) >= 3
        prune_runs(jobs.instance, NOW - timedelta(hours=1))
        assert _check_rows(jobs.instance) == before
        assert prune_runs(jobs.instance, datetime.now(UTC) + timedelta(hours=1)) == 3
        assert _check_rows(jobs.instance) == {}


def test_what_checks_found_goes_with_its_runs(jobs: InProcess) -> None:
    _prunes_checks(jobs.wiring)


@pytest.mark.integration
def test_what_checks_found_goes_on_postgresql_too(
    settings: Settings, postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    production = settings.model_copy(update={"database_url": postgres_server.fresh_database()})
    for name, value in production.dagster_environment.items():
        monkeypatch.setenv(name, value)
    with wired(production) as wiring:
        _prunes_checks(wiring)


@contextmanager
def _database(celery_url: str) -> Iterator[sa.Connection]:
    engine = sa.create_engine(sqlite_url(celery_url))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _messages(settings: Settings) -> dict[str, bool]:
    table = metadata.tables["kombu_message"]
    with _database(settings.broker_url) as connection:
        return {row.payload: row.visible for row in connection.execute(sa.select(table))}


def _deliver(settings: Settings) -> None:
    """Four messages by kombu itself: two are taken, one of the taken and one of the waiting are old."""
    with Connection(settings.broker_url) as connection:
        queue = connection.SimpleQueue(QUEUE)
        for _ in range(4):
            queue.put("message")
        for _ in range(2):
            queue.get(timeout=60).ack()
        queue.close()
    table = metadata.tables["kombu_message"]
    with _database(settings.broker_url) as connection:
        for number, (is_old, payload) in enumerate(
            [(True, "old, taken"), (False, "young, taken"), (True, "old, waiting"), (False, "young, waiting")], start=1
        ):
            at = (OLD if is_old else YOUNG).astimezone().replace(tzinfo=None)
            changed = {"timestamp": at, "payload": payload}
            connection.execute(sa.update(table).where(table.c.id == number).values(**changed))


def test_delivered_messages_go_once_they_are_old_and_waiting_ones_never(jobs: InProcess) -> None:
    settings = jobs.wiring.settings
    _deliver(settings)
    assert _messages(settings) == {
        "old, taken": False,
        "young, taken": False,
        "old, waiting": True,
        "young, waiting": True,
    }
    assert prune_broker(settings, BEFORE) == 1
    assert set(_messages(settings)) == {"young, taken", "old, waiting", "young, waiting"}


def test_old_results_go(jobs: InProcess) -> None:
    settings = jobs.wiring.settings
    table = Task.__table__
    with _database(settings.result_backend_url) as connection:
        for task_id, at in (("old", OLD), ("young", YOUNG)):
            values = {"task_id": task_id, "status": "SUCCESS", "date_done": at.replace(tzinfo=None)}
            connection.execute(sa.insert(table).values(**values))
    assert prune_broker(settings, BEFORE) == 1
    with _database(settings.result_backend_url) as connection:
        assert connection.execute(sa.select(table.c.task_id)).scalars().all() == ["young"]


def test_redis_forgets_by_itself(settings: Settings) -> None:
    assert prune_broker(settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}), BEFORE) == 0


def test_the_scheduled_job_prunes_what_the_setting_says(jobs: InProcess) -> None:
    jobs.wiring.settings = jobs.wiring.settings.model_copy(update={"run_retention_hours": 24.0})
    old = _run(jobs.instance, DagsterRunStatus.SUCCESS, OLD)
    _deliver(jobs.wiring.settings)
    job = jobs.definitions.get_repository_def().get_job(names.PRUNE)
    result = job.execute_in_process(instance=jobs.instance)
    assert not jobs.instance.has_run(old)
    [output] = [event for event in result.all_events if event.is_successful_output]
    told = {name: value.value for name, value in output.step_output_data.metadata.items()}
    assert told == {"deleted_runs": 1, "deleted_broker_rows": 1}
    assert jobs.instance.has_run(result.run_id)
