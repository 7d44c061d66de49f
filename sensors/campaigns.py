"""Request ad texts within seconds of an edit or an installation."""

from __future__ import annotations

from datetime import UTC, datetime

from dagster import DefaultSensorStatus, ResourceParam, RunRequest, SensorEvaluationContext, SkipReason, sensor

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.wiring.app import Wiring
from resources import names

_RETRY_S = 300


@sensor(
    job_name=names.CREATIVES,
    minimum_interval_seconds=5,
    default_status=DefaultSensorStatus.RUNNING,
    description="Requests texts when campaigns were edited, texts await moderation, or there are none yet.",
)
def campaigns_sensor(context: SensorEvaluationContext, wiring: ResourceParam[Wiring]) -> RunRequest | SkipReason:
    """Request one run per edit; the hourly run replaces a failed one, and the first run is retried."""
    from alphaads_pipelines.creatives.pending_work import FIRST, pending_work_token

    try:
        due = pending_work_token(wiring.engine, with_samples=wiring.settings.sample_campaigns)
    except TransientError as error:
        return SkipReason(f"{error.code}: {error}")
    if due is None or due == context.cursor:
        return SkipReason("every text is written and judged")
    if due == FIRST:
        return RunRequest(first_run_key(datetime.now(UTC)), tags=names.LONGEST_RUN)
    context.update_cursor(due)
    return RunRequest(f"creatives-{due}", tags=names.LONGEST_RUN)


def first_run_key(now: datetime) -> str:
    """Run key of the first texts; a new one every five minutes retries a failed run."""
    return f"first-{int(now.timestamp()) // _RETRY_S}"
