"""What runs by the clock, and what runs once so that a new installation need not wait for it."""

from __future__ import annotations

from datetime import UTC, datetime

from dagster import (
    DefaultScheduleStatus,
    DefaultSensorStatus,
    ResourceParam,
    RunRequest,
    ScheduleDefinition,
    SkipReason,
    sensor,
)

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.wiring import Wiring
from assets import names

_TRY_AGAIN_S = 300
_CRONS = {
    names.ADVERTISING: "0 * * * *",
    names.INTEGRITY: "*/5 * * * *",
    names.MODEL_WATCH: "10 * * * *",
    names.MAINTENANCE: "20 * * * *",
    names.PRUNE: "*/15 * * * *",
    names.AGGREGATES: "50 * * * *",
    names.ERASURES: "*/3 * * * *",
    names.SEGMENTS: "40 3 * * *",
}

schedules = [
    ScheduleDefinition(
        name=f"{job}_schedule", job_name=job, cron_schedule=cron, default_status=DefaultScheduleStatus.RUNNING
    )
    for job, cron in _CRONS.items()
]


@sensor(
    job_name=names.ADVERTISING,
    minimum_interval_seconds=30,
    default_status=DefaultSensorStatus.RUNNING,
    description="Asks for creatives and policy once, when there are none yet.",
)
def first_creatives_sensor(wiring: ResourceParam[Wiring]) -> RunRequest | SkipReason:
    """A new installation has something to serve before its first full hour."""
    from alphaads_pipelines.ingest.publish import read_document

    try:
        version, _ = read_document(wiring.engine, "policy")
    except TransientError as error:
        return SkipReason(f"{error.code}: {error}")
    return SkipReason("creatives and policy are there") if version else RunRequest(first_run_key(datetime.now(UTC)))


def first_run_key(now: datetime) -> str:
    """A run key is used once, even if its run fails: five minutes later there is another."""
    return f"first-{int(now.timestamp()) // _TRY_AGAIN_S}"
