"""The job of promotion: the blocking check lets only a better policy through."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import AssetCheckKey, AssetKey, ExecuteInProcessResult
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from alphaads_pipelines.bandits.policy_store import read_roles
from alphaads_pipelines.runtime.in_process import InProcess
from assets.promotion import A_BETTER_ONE, POLICY_EVALUATION, SERVED_POLICY
from resources import names
from tests.bandits import worlds


def _run(jobs: InProcess) -> ExecuteInProcessResult:
    definition = jobs.definitions.get_repository_def().get_job(names.PROMOTION)
    return definition.execute_in_process(instance=jobs.instance, raise_on_error=False)


def _check(jobs: InProcess) -> AssetCheckExecutionRecordStatus:
    key = AssetCheckKey(AssetKey(POLICY_EVALUATION), A_BETTER_ONE)
    [record] = jobs.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return record.status


def _decided(jobs: InProcess, monkeypatch: pytest.MonkeyPatch, *candidates: str) -> None:
    now = datetime.now(UTC)
    monkeypatch.setattr(worlds, "BEGIN", now - timedelta(days=10))
    worlds.decide(jobs.wiring.engine, 4_000, end=now - timedelta(days=2))
    made = {"linear_thompson": worlds.who_knows, "linucb": worlds.who_has_it_wrong}
    for name in candidates:
        worlds.keep(jobs.wiring.engine, made[name](), now - timedelta(days=11))


def test_a_better_policy_serves_after_the_job(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    _decided(jobs, monkeypatch, "linear_thompson")
    done = _run(jobs)
    assert done.success
    assert _check(jobs) is AssetCheckExecutionRecordStatus.SUCCEEDED
    _, roles = read_roles(jobs.wiring.engine)
    assert roles.serving.policy == "linear_thompson"
    assert roles.history[-1].by == f"run:{done.run_id}"
    event = jobs.instance.get_latest_materialization_event(AssetKey(SERVED_POLICY))
    assert event is not None
    assert event.asset_materialization is not None
    shown = {name: each.value for name, each in event.asset_materialization.metadata.items()}
    assert (shown["serves"], shown["before"]) == ("linear_thompson", "thompson")


def test_where_none_is_better_the_check_stops_the_promotion(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    _decided(jobs, monkeypatch)
    assert not _run(jobs).success
    assert _check(jobs) is AssetCheckExecutionRecordStatus.FAILED
    assert read_roles(jobs.wiring.engine)[1].serving.policy == "thompson"
    assert jobs.instance.get_latest_materialization_event(AssetKey(SERVED_POLICY)) is None
    judged = jobs.instance.get_latest_materialization_event(AssetKey(POLICY_EVALUATION))
    assert judged is not None
    assert judged.asset_materialization is not None
    assert "linear_thompson" in str(judged.asset_materialization.metadata["judged"].value)
