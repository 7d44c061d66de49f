"""Dagster's home: what is written, what opens from it, and that the checkout's own files agree."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance
from dagster._core.run_coordinator import DefaultRunCoordinator
from dagster._core.storage.noop_compute_log_manager import NoOpComputeLogManager
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_celery.launcher import CeleryRunLauncher

from alphaads_pipelines.runtime.services import processes
from alphaads_pipelines.settings import Settings
from resources import names
from resources.instance import dagster_yaml, open_instance, prepare_home, write_workspace
from resources.sqlite_storage import PooledEventLogStorage, PooledRunStorage, PooledScheduleStorage
from tests.conftest import ROOT

PASSWORD = "a-password-of-tests"


@pytest.fixture(autouse=True)
def environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening an instance exports where it lies; the next test must not see that."""
    for name, value in settings.process_environment.items():
        monkeypatch.setenv(name, value)


def _checkout(name: str) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / name).read_text())
    return content


def test_the_home_opens_as_the_instance_that_it_describes(settings: Settings) -> None:
    prepare_home(settings)
    with open_instance(settings) as instance:
        assert isinstance(instance.run_launcher, CeleryRunLauncher)
        assert isinstance(instance.run_coordinator, DefaultRunCoordinator)
        assert isinstance(instance.compute_log_manager, NoOpComputeLogManager)
        assert isinstance(instance.run_storage, PooledRunStorage)
        assert isinstance(instance.event_log_storage, PooledEventLogStorage)
        assert isinstance(instance.schedule_storage, PooledScheduleStorage)
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_resume_run_attempts == 0
        assert not instance.telemetry_enabled
        assert instance.get_runs_count() == 0


def test_all_of_it_lies_under_the_home(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    prepare_home(settings)
    assert list(elsewhere.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "home"}


def test_preparing_again_keeps_what_is_there(settings: Settings) -> None:
    prepare_home(settings)
    with open_instance(settings) as instance:
        instance.run_storage.set_cursor_values({"kept": "yes"})
    prepare_home(settings)
    with open_instance(settings) as instance:
        assert instance.run_storage.get_cursor_values({"kept"}) == {"kept": "yes"}


def test_the_embedded_broker_has_its_tables_before_anybody_asks(settings: Settings) -> None:
    prepare_home(settings)
    home = settings.alphaads_home
    for file, table in (("broker.db", "kombu_message"), ("broker-results.db", "celery_taskmeta")):
        with closing(sqlite3.connect(home / file)) as connection:
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_addresses_with_passwords_are_named_and_never_written(settings: Settings) -> None:
    given = {
        "database_url": f"postgresql://me:{PASSWORD}@127.0.0.1/alphaads",
        "redis_url": f"redis://:{PASSWORD}@127.0.0.1/0",
    }
    rendered = yaml.safe_dump(dagster_yaml(settings.model_copy(update=given)))
    assert PASSWORD not in rendered
    for name in ("ALPHAADS_BROKER_URL", "ALPHAADS_RESULT_BACKEND_URL", "ALPHAADS_DAGSTER_DATABASE_URL"):
        assert name in rendered
        assert PASSWORD in settings.model_copy(update=given).dagster_environment[name]


def test_the_rendered_home_says_what_the_checkout_says_but_for_storage_and_launcher(settings: Settings) -> None:
    checkout, rendered = _checkout("dagster.yaml"), dagster_yaml(settings)
    own = {"storage", "local_artifact_storage", "run_storage", "event_log_storage", "schedule_storage", "run_launcher"}
    assert {k: v for k, v in checkout.items() if k not in own} == {k: v for k, v in rendered.items() if k not in own}
    assert {"run_monitoring", "retention", "sensors", "schedules", "telemetry"} <= set(rendered)
    assert "run_launcher" not in checkout


def test_the_checkout_is_a_home_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with DagsterInstance.from_config(str(ROOT)) as instance:
        assert instance.get_runs_count() == 0
        assert instance.run_monitoring_enabled
    assert {path.name for path in tmp_path.iterdir()} == {".alphaads"}


def test_the_checkouts_workspace_loads_the_definitions_that_up_serves(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare_home(settings)
    target = WorkspaceFileTarget([str(ROOT / "workspace.yaml")])
    with open_instance(settings) as instance, WorkspaceProcessContext(instance, target) as workspace:
        context = workspace.create_request_context()
        [location] = context.code_locations
        assert context.get_location_entry(location.name).load_error is None
        [repository] = location.get_repositories().values()
        assert repository.has_job(names.MICRO_BATCH)
        assert {sensor.name for sensor in repository.get_sensors()} >= {"posts_sensor", "failed_batches_sensor"}
    served = yaml.safe_load(write_workspace(settings, 4000).read_text())["load_from"][0]["grpc_server"]
    [module] = [each["python_module"] for each in _checkout("workspace.yaml")["load_from"]]
    [server] = [each for each in processes(settings, tmp_path / "workspace.yaml", 4000) if each.name == "code-server"]
    assert location.name == module["location_name"] == served["location_name"]
    assert server.command[server.command.index("--module-name") + 1] == module["module_name"]
    assert server.command[server.command.index("--location-name") + 1] == location.name


@pytest.mark.integration
def test_on_postgresql_dagster_keeps_a_schema_of_its_own(settings: Settings, postgres_server: Any) -> None:
    production = settings.model_copy(update={"database_url": postgres_server.fresh_database()})
    prepare_home(production)
    with open_instance(production) as instance:
        assert instance.get_runs_count() == 0
        with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
            query = "SELECT table_schema FROM information_schema.tables WHERE table_name = 'runs'"
            assert connection.exec_driver_sql(query).scalars().all() == ["dagster"]
        kept = {each._engine for each in (instance.run_storage, instance.event_log_storage, instance.schedule_storage)}  # type: ignore[attr-defined]
    with open_instance(production) as again:
        assert {again.run_storage._engine} == kept, "one pool of connections for a process"  # type: ignore[attr-defined]
    assert os.environ["ALPHAADS_DAGSTER_DATABASE_URL"].endswith("search_path%3Ddagster")
