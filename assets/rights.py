"""Data subjects' requests: continue erasures, check deadlines."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    MaterializeResult,
    ResourceParam,
    asset,
)

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.schema.subject_tables import RIGHTS_REQUESTS
from alphaads_pipelines.wiring.app import Wiring
from assets.reporting import markdown_table

if TYPE_CHECKING:
    from dagster import RawMetadataValue

    from alphaads_pipelines.rights.requests import RightsRequest

NOTHING_OVERDUE = "nothing_overdue"
GROUP = "rights"


@asset(
    name=RIGHTS_REQUESTS.name,
    description=RIGHTS_REQUESTS.doc,
    group_name=GROUP,
    check_specs=[
        AssetCheckSpec(
            NOTHING_OVERDUE,
            asset=RIGHTS_REQUESTS.name,
            description="Every request was answered within the month that GDPR article 12 gives.",
        )
    ],
)
def rights_requests(
    context: AssetExecutionContext, wiring: ResourceParam[Wiring]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Continue incomplete erasures; list open requests with their deadlines."""
    erased = [_continue_erasure(context, wiring, request) for request in wiring.rights.erasure.pending()]
    now, waiting = datetime.now(UTC), wiring.rights.rights_requests.list()
    overdue = [each for each in waiting if each.is_overdue(now)]
    metadata: Mapping[str, RawMetadataValue] = {
        "erased": sum(erased),
        "open": len(waiting),
        "overdue": len(overdue),
        "requests": markdown_table(("request", "kind", "step", "opened", "due"), [_row(each) for each in waiting]),
    }
    yield MaterializeResult(metadata=metadata)
    yield AssetCheckResult(
        check_name=NOTHING_OVERDUE,
        passed=not overdue,
        severity=AssetCheckSeverity.ERROR,
        metadata={"overdue": len(overdue)},
    )


def _continue_erasure(context: AssetExecutionContext, wiring: Wiring, request: "RightsRequest") -> bool:
    """Continue an erasure, return whether it is complete; a blocked one must not block the others."""

    def report(step: str, number: int, steps: int, where: str) -> None:
        if where == "begun":
            context.log.info(f"request {request.request_id}: step {number} of {steps}, {step}")

    try:
        wiring.rights.erasure.resume(request.request_id, report)
    except TransientError as error:
        context.log.warning(f"request {request.request_id} goes on later: {error}")
        return False
    return True


def _row(request: "RightsRequest") -> tuple[str, ...]:
    days = (f"{each:%Y-%m-%d}" for each in (request.opened_at, request.due_at))
    return (request.request_id, request.kind, request.step or "", *days)
