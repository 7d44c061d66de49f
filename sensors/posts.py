"""Wait for posts, plan batches, request a run per due attempt."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunFailureSensorContext,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    run_failure_sensor,
    sensor,
)

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.pipeline.requests import end_attempt, next_requests
from alphaads_pipelines.wiring.app import Wiring
from resources import names

if TYPE_CHECKING:
    from alphaads_pipelines.ingest.batches import Batch

_PENDING = [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.QUEUED, DagsterRunStatus.STARTING]


@sensor(
    job_name=names.MICRO_BATCH,
    minimum_interval_seconds=1,
    default_status=DefaultSensorStatus.RUNNING,
    description="Waits for posts inside its tick; one run per due attempt of a batch.",
)
def posts_sensor(context: SensorEvaluationContext, wiring: ResourceParam[Wiring]) -> list[RunRequest] | SkipReason:
    """Request due attempts; skip while broker or store are unavailable."""
    try:
        due = next_requests(
            wiring.stream,
            wiring.ledger,
            wiring.topics.posts,
            wait_s=wiring.settings.sensor_wait_s,
            is_pending=partial(is_pending, context.instance),
        )
    except TransientError as error:
        return SkipReason(f"{error.code}: {error}")
    for batch in due:
        fail_overtaken(context.instance, batch)
    return [request(batch) for batch in due] or SkipReason("no batch is due")


def request(batch: Batch) -> RunRequest:
    """The run request of an attempt, in the partition of its planned hour."""
    from alphaads_pipelines.telemetry import new_correlation_id

    tags = {**names.batch_tags(batch, new_correlation_id()), **names.LONGEST_RUN}
    return RunRequest(
        run_key=batch.run_key, run_config=names.batch_config(batch), tags=tags, partition_key=batch.planned_hour
    )


def is_pending(instance: DagsterInstance, batch: Batch) -> bool:
    """Whether this attempt's run still waits for a worker."""
    tags = {names.BATCH_TAG: batch.id, names.ATTEMPT_TAG: str(batch.attempt)}
    return instance.get_runs_count(RunsFilter(tags=tags, statuses=_PENDING)) > 0


def fail_overtaken(instance: DagsterInstance, batch: Batch) -> None:
    """Mark started runs of earlier attempts failed: their worker died, and fencing keeps a late one from writing."""
    if batch.attempt == 1:
        return
    started = RunsFilter(tags={names.BATCH_TAG: batch.id}, statuses=[DagsterRunStatus.STARTED])
    for run in instance.get_runs(started):
        if int(run.tags[names.ATTEMPT_TAG]) < batch.attempt:
            instance.report_run_failed(run, f"Attempt {batch.attempt} of {batch.id} took over.")


@run_failure_sensor(
    minimum_interval_seconds=2,
    default_status=DefaultSensorStatus.RUNNING,
    description="Ends at once the attempt of a run that failed outside its steps.",
)
def failed_batches_sensor(context: RunFailureSensorContext, wiring: ResourceParam[Wiring]) -> SkipReason | None:
    """End the failed run's attempt if it is still the latest."""
    tags = context.dagster_run.tags
    if names.BATCH_TAG not in tags:
        return SkipReason("not the run of a batch")
    stats = context.instance.get_run_stats(context.dagster_run.run_id)
    end_attempt(
        wiring.ledger, tags[names.BATCH_TAG], int(tags[names.ATTEMPT_TAG]), started=stats.start_time is not None
    )
    return None
