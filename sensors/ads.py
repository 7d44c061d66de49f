"""Request a learning run within seconds of decisions and events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from dagster import (
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    RunsFilter,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.pipeline.requests import ads_due
from alphaads_pipelines.wiring.app import Wiring
from resources import names

EVERY_S = 5
"""Least interval between runs, which take a worker for 1 to 2 s each."""
LONGEST_LEARNING = timedelta(minutes=5)
"""A longer run lost its worker or has a backlog; a second one may start, since learning is exactly once."""

_TRY_AGAIN_S = 60
_UNFINISHED = [
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
]


@sensor(
    job_name=names.ADVERTISING_LOOP,
    minimum_interval_seconds=EVERY_S,
    default_status=DefaultSensorStatus.RUNNING,
    description="Waits inside its tick for decisions and events that are not learned from; one run at a time.",
)
def ads_sensor(context: SensorEvaluationContext, wiring: ResourceParam[Wiring]) -> RunRequest | SkipReason:
    """Request a run for new input; skip while broker or store are unavailable."""
    settings = wiring.settings
    if is_learning(context.instance, datetime.now(UTC)):
        return SkipReason("a run goes on")
    topics = (wiring.topics.decisions, wiring.topics.events)
    try:
        due = ads_due(wiring.stream, wiring.engine, topics, wait_s=settings.sensor_wait_s)
    except TransientError as error:
        return SkipReason(f"{error.code}: {error}")
    if due is None:
        return SkipReason("everything was learned from")
    return RunRequest(run_key(due, datetime.now(UTC)), tags=names.LONGEST_RUN)


def is_learning(instance: DagsterInstance, now: datetime) -> bool:
    """Whether a learning run is pending or running."""
    jobs = (names.ADVERTISING_LOOP, names.ADVERTISING)
    filters = [RunsFilter(job_name=job, statuses=_UNFINISHED, created_after=now - LONGEST_LEARNING) for job in jobs]
    return any(instance.get_runs_count(each) for each in filters)


def run_key(due: str, now: datetime) -> str:
    """A run key is used once, even if its run fails: a minute later there is another."""
    return f"ads-{due}-{int(now.timestamp()) // _TRY_AGAIN_S}"
