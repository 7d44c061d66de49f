"""The published pointer, and checks of its completeness and freshness."""

from collections.abc import Iterator
from datetime import UTC, datetime

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    MaterializeResult,
    ResourceParam,
    asset,
    multi_asset_check,
)

from alphaads_pipelines.pipeline.batch_run import BatchRun
from alphaads_pipelines.pipeline.stages import Stage
from alphaads_pipelines.schema.tables import (
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    POST_ENTITIES,
    POST_SCORES,
    PUBLISHED,
    RAW_POSTS,
    REJECTED_POSTS,
)
from alphaads_pipelines.wiring.app import Wiring
from assets import reporting
from assets.partitions import HOURS, ONE_RUN, hours_of

GROUP = "serving"
UPSTREAM = (RAW_POSTS, REJECTED_POSTS, POST_SCORES, POST_ENTITIES, CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS)
LEDGER_CHECKS = {
    "gaps": "Every offset between the first and the last planned one belongs to a batch.",
    "duplicates": "No offset belongs to two batches.",
    "freshness": "What is published is not older than MAX_DATA_AGE_S.",
}


@asset(
    name=PUBLISHED.name,
    description=PUBLISHED.doc,
    group_name=GROUP,
    kinds={"sqlalchemy"},
    deps=[table.name for table in UPSTREAM],
    partitions_def=HOURS,
    backfill_policy=ONE_RUN,
)
def published(context: AssetExecutionContext, batch_run: ResourceParam[BatchRun]) -> MaterializeResult[None]:
    """Commit batch, live profiles and pointer in one transaction."""
    return reporting.published(batch_run.step(Stage.PUBLISH, hours_of(context)))


@multi_asset_check(
    specs=[AssetCheckSpec(name, asset=PUBLISHED.name, description=doc) for name, doc in LEDGER_CHECKS.items()]
)
def ledger_checks(context: AssetCheckExecutionContext, wiring: ResourceParam[Wiring]) -> Iterator[AssetCheckResult]:
    """Check the ledger's batches for gaps, overlaps and age, on a schedule."""
    for name, places in (("gaps", wiring.ledger.gaps()), ("duplicates", wiring.ledger.overlaps())):
        rows = [(each.partition, each.start, each.end) for each in places]
        table = reporting.markdown_table(("partition", "from", "to"), rows)
        yield AssetCheckResult(check_name=name, passed=not places, metadata={"offsets": table, "places": len(places)})
    complete = wiring.ledger.complete_until()
    age_s = (datetime.now(UTC) - complete).total_seconds() if complete else None
    yield AssetCheckResult(
        check_name="freshness",
        passed=age_s is not None and age_s <= wiring.settings.max_data_age_s,
        severity=AssetCheckSeverity.WARN,
        metadata={"age_seconds": round(age_s, 1) if age_s is not None else "nothing is published yet"},
    )
