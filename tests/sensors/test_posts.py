"""The posts sensor: plans first and requests second, names nobody, and asks for nothing twice."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from dagster import (
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    RunRequest,
    SkipReason,
    build_run_status_sensor_context,
    build_sensor_context,
)
from dagster._core.test_utils import create_run_for_test

from alphaads_pipelines.errors import StoreUnavailable, StreamUnavailable
from alphaads_pipelines.ingest.batches import planned_hour
from alphaads_pipelines.runtime.in_process import InProcess
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import sql_table, transaction
from alphaads_pipelines.streams import kafka
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.live import free_port
from resources import names
from sensors.posts import fail_overtaken, failed_batches_sensor, is_pending, posts_sensor, request
from tests.planning import due, take_in


@pytest.fixture
def instance() -> DagsterInstance:
    return DagsterInstance.ephemeral()


def _tick(instance: DagsterInstance, wiring: Wiring) -> list[RunRequest] | SkipReason:
    context = build_sensor_context(instance=instance, resources={"wiring": wiring})
    answer = posts_sensor(context)
    assert isinstance(answer, list | SkipReason)
    return answer


def _requests(instance: DagsterInstance, wiring: Wiring) -> list[RunRequest]:
    answer = _tick(instance, wiring)
    assert isinstance(answer, list), answer
    return answer


def _submit(instance: DagsterInstance, asked: RunRequest, status: DagsterRunStatus) -> str:
    """What the daemon does with a request, up to `status`."""
    run = create_run_for_test(instance, job_name=names.MICRO_BATCH, tags=dict(asked.tags), status=status)
    return run.run_id


def _long_ago(wiring: Wiring, column: str) -> None:
    """As if a lease's time had passed since `column`."""
    batches = sql_table("batches")
    earlier = datetime.now(UTC) - timedelta(seconds=wiring.settings.batch_lease_s + 1)
    with transaction(wiring.engine) as connection:
        connection.execute(batches.update().values({column: earlier}))


def _ledger(wiring: Wiring) -> list[tuple[str, str, int]]:
    return [(each.id, each.state, each.attempt) for each in wiring.ledger.batches()]


def test_one_run_is_requested_for_what_was_planned_first(instance: DagsterInstance, wiring: Wiring) -> None:
    take_in(wiring, 40)
    before = planned_hour(datetime.now(UTC))
    [asked] = _requests(instance, wiring)
    [batch] = wiring.ledger.batches()
    assert batch.state == "planned"
    assert batch.requested_at is not None
    assert asked.run_key == f"{batch.id}-{batch.attempt}" == "b000000001-1"
    assert asked.partition_key == batch.planned_hour
    assert batch.planned_hour in {before, planned_hour(datetime.now(UTC))}
    assert batch.offsets == 40


def test_a_request_holds_the_batch_and_a_random_id_and_nothing_of_the_posts(
    instance: DagsterInstance, wiring: Wiring
) -> None:
    correlation_id = take_in(wiring, 40)
    [asked] = _requests(instance, wiring)
    assert asked.run_config == {"resources": {"batch_run": {"config": {"batch_seq": 1}}}}
    tags = dict(asked.tags)
    assert tags.pop("dagster/max_runtime") == "3600"
    assert re.fullmatch(r"[0-9a-f]{32}", tags.pop("alphaads/correlation_id"))
    assert tags == {"alphaads/batch": "b000000001", "alphaads/attempt": "1"}
    assert correlation_id not in str(asked)


def test_nothing_to_do_is_a_skip_within_the_wait_of_a_tick(instance: DagsterInstance, wiring: Wiring) -> None:
    answer = _tick(instance, wiring)
    assert isinstance(answer, SkipReason)
    assert answer.skip_message == "no batch is due"
    assert wiring.ledger.batches() == []


def test_a_tick_while_the_request_is_fresh_asks_for_nothing_more(instance: DagsterInstance, wiring: Wiring) -> None:
    take_in(wiring)
    [asked] = _requests(instance, wiring)
    assert isinstance(_tick(instance, wiring), SkipReason)
    take_in(wiring, seed=2)  # the partitions belong to the batch until it is over
    assert isinstance(_tick(instance, wiring), SkipReason)
    assert _ledger(wiring) == [(asked.tags[names.BATCH_TAG], "planned", 1)]


def test_a_broker_that_goes_away_is_a_skip_and_nothing_moves(
    instance: DagsterInstance, wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(wiring)

    def silent(*_: object) -> dict[int, int]:
        raise StreamUnavailable("the broker did not answer")

    _ = wiring.ledger
    with monkeypatch.context() as away:
        away.setattr(type(wiring.stream), "end_offsets", silent)
        answer = _tick(instance, wiring)
    assert isinstance(answer, SkipReason)
    assert answer.skip_message == "stream_unavailable: the broker did not answer"
    assert wiring.ledger.batches() == []
    assert len(_requests(instance, wiring)) == 1


def test_a_broker_that_never_was_there_is_a_skip(
    instance: DagsterInstance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_TIMEOUT_S", 1.0)
    nobody = settings.model_copy(update={"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}"})
    with wired(nobody) as wiring:
        answer = _tick(instance, wiring)
        assert isinstance(answer, SkipReason)
        assert (answer.skip_message or "").startswith("stream_unavailable: ")


def test_a_store_that_is_away_is_a_skip(
    instance: DagsterInstance, wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(wiring)

    def refuse(*_: object) -> None:
        raise StoreUnavailable("the database did not answer")

    with monkeypatch.context() as away:
        away.setattr(type(wiring.ledger), "plan", refuse)
        answer = _tick(instance, wiring)
    assert isinstance(answer, SkipReason)
    assert answer.skip_message == "store_unavailable: the database did not answer"
    assert len(_requests(instance, wiring)) == 1


def test_a_crash_between_plan_and_request_repeats_the_request_and_never_the_plan(
    instance: DagsterInstance, wiring: Wiring
) -> None:
    take_in(wiring)
    [planned] = wiring.ledger.plan(wiring.stream.end_offsets(wiring.topics.posts), datetime.now(UTC))
    take_in(wiring, seed=2)  # and the world goes on meanwhile
    [asked] = _requests(instance, wiring)
    assert asked.run_key == planned.run_key
    [batch] = wiring.ledger.batches()
    assert batch.ranges == planned.ranges


@pytest.mark.parametrize("status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING])
def test_no_second_run_is_requested_while_the_first_waits_for_a_worker(
    instance: DagsterInstance, wiring: Wiring, status: DagsterRunStatus
) -> None:
    take_in(wiring)
    [asked] = _requests(instance, wiring)
    _submit(instance, asked, status)
    for _ in range(3):
        _long_ago(wiring, "requested_at")
        assert isinstance(_tick(instance, wiring), SkipReason)
    assert _ledger(wiring) == [("b000000001", "planned", 1)]


def test_a_request_that_never_became_a_run_is_made_again_as_the_next_attempt(
    instance: DagsterInstance, wiring: Wiring
) -> None:
    take_in(wiring)
    _requests(instance, wiring)
    _long_ago(wiring, "requested_at")
    [again] = _requests(instance, wiring)
    assert again.run_key == "b000000001-2"
    assert again.tags[names.ATTEMPT_TAG] == "2"


def test_a_batch_whose_worker_died_is_requested_again_and_its_dead_run_buried(
    instance: DagsterInstance, wiring: Wiring
) -> None:
    take_in(wiring)
    [asked] = _requests(instance, wiring)
    dead = _submit(instance, asked, DagsterRunStatus.STARTED)
    wiring.ledger.claim(1, 1, dead, datetime.now(UTC))
    assert isinstance(_tick(instance, wiring), SkipReason)
    _long_ago(wiring, "lease_until")
    [again] = _requests(instance, wiring)
    assert again.run_key == "b000000001-2"
    assert again.partition_key == asked.partition_key
    buried = instance.get_run_by_id(dead)
    assert buried is not None
    assert buried.status is DagsterRunStatus.FAILURE


def test_only_started_runs_of_earlier_attempts_are_buried(instance: DagsterInstance, wiring: Wiring) -> None:
    take_in(wiring)
    [first] = due(wiring)
    second = replace(first, attempt=2)
    started, pending = DagsterRunStatus.STARTED, DagsterRunStatus.STARTING
    runs = [
        _submit(instance, request(each), status)
        for each, status in ((first, started), (first, pending), (second, started))
    ]
    assert is_pending(instance, first)
    assert not is_pending(instance, second)
    fail_overtaken(instance, second)
    statuses = [getattr(instance.get_run_by_id(run), "status", None) for run in runs]
    assert statuses == [DagsterRunStatus.FAILURE, pending, started]


def _failed(jobs: InProcess, tags: dict[str, str], *, started: bool = True) -> SkipReason | None:
    """A run with these tags fails outside its steps; what the sensor makes of it."""
    job = jobs.definitions.get_repository_def().get_job(names.MICRO_BATCH)
    run = jobs.instance.create_run_for_job(job_def=job, tags=tags)
    if started:
        event = DagsterEvent(DagsterEventType.RUN_START.value, job_name=job.name)
        jobs.instance.report_dagster_event(event, run.run_id)
    failure = jobs.instance.report_run_failed(run, "the worker was lost")
    context = build_run_status_sensor_context(
        "failed_batches_sensor", failure, jobs.instance, run, resources={"wiring": jobs.wiring}
    )
    answer = failed_batches_sensor(context.for_run_failure())
    assert answer is None or isinstance(answer, SkipReason)
    return answer


@pytest.mark.parametrize(("started", "failures", "error"), [(True, 1, "run_failed"), (False, 0, "interrupted")])
def test_a_run_that_failed_outside_its_steps_ends_its_attempt_at_once(
    jobs: InProcess, started: bool, failures: int, error: str
) -> None:
    take_in(jobs.wiring)
    [batch] = due(jobs.wiring)
    _failed(jobs, dict(names.batch_tags(batch, "c")), started=started)
    after = jobs.wiring.ledger.get(batch.seq)
    assert (after.state, after.attempt, after.failures, after.error) == ("planned", 2, failures, error)


def test_a_late_failure_of_an_overtaken_attempt_ends_nothing(jobs: InProcess) -> None:
    take_in(jobs.wiring)
    [batch] = due(jobs.wiring)
    jobs.wiring.ledger.fail(batch, "interrupted", datetime.now(UTC))
    _failed(jobs, dict(names.batch_tags(batch, "c")))
    after = jobs.wiring.ledger.get(batch.seq)
    assert (after.state, after.attempt) == ("planned", 2)


def test_the_failure_of_any_other_run_is_none_of_its_business(jobs: InProcess) -> None:
    answer = _failed(jobs, {})
    assert isinstance(answer, SkipReason)
    assert answer.skip_message == "not the run of a batch"
