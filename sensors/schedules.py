"""The schedules."""

from __future__ import annotations

from dagster import DefaultScheduleStatus, ScheduleDefinition

from resources import names

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
