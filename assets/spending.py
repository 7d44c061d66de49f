"""Spending and reservations of campaigns, and their reconciliation."""

from collections.abc import Iterator
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

from alphaads_pipelines.schema.advertising_tables import CAMPAIGN_SPENDING
from alphaads_pipelines.wiring.app import Wiring
from assets.advertising import GROUP
from assets.audit import recorder
from assets.reporting import markdown_table

if TYPE_CHECKING:
    from alphaads_pipelines.decisions.budget.reconciliation import Reconciliation

AD_SPENDING = "ad_spending"
BOOKS_AGREE, WITHIN_BUDGET = "books_agree", "within_budget"
_CHECKS = [
    AssetCheckSpec(
        BOOKS_AGREE,
        asset=AD_SPENDING,
        description="Reserved and spent amounts agree by campaign, by day and by reservation.",
    ),
    AssetCheckSpec(
        WITHIN_BUDGET,
        asset=AD_SPENDING,
        description="No campaign exceeds its budget or daily budget. This happens only if a budget was set below the "
        "amount already used; such a campaign is not served.",
    ),
]


@asset(name=AD_SPENDING, description=CAMPAIGN_SPENDING.doc, group_name=GROUP, kinds={"sql"}, check_specs=_CHECKS)
def ad_spending(
    context: AssetExecutionContext, wiring: ResourceParam[Wiring]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Bill confirmed impressions, release expired reservations and reconcile."""
    from alphaads_pipelines.campaigns.campaign import MICROUSD
    from alphaads_pipelines.decisions.budget.reconciliation import reconcile
    from alphaads_pipelines.pipeline.spending import update_spending
    from alphaads_pipelines.stores.sql.relational import reading

    now = datetime.now(UTC)
    note = recorder(context, wiring, action="frequency.count", purpose="operation", resource="ad_frequencies")
    done = update_spending(wiring.stream, wiring.engine, topics=wiring.topics, now=now, note=note)
    with reading(wiring.engine) as connection:
        found = reconcile(connection, now.date())
    yield MaterializeResult(
        metadata={
            "events": done.events,
            "left_out": done.left_out,
            "confirmed": done.confirmed,
            "spent_usd": done.microusd / MICROUSD,
            "late": done.late,
            "released": done.released,
        }
    )
    yield from _checked(found)


def _checked(found: "Reconciliation") -> Iterator[AssetCheckResult]:
    for name, campaigns, severity in (
        (BOOKS_AGREE, found.mismatched, AssetCheckSeverity.ERROR),
        (WITHIN_BUDGET, found.overspent, AssetCheckSeverity.WARN),
    ):
        yield AssetCheckResult(
            check_name=name,
            passed=not campaigns,
            severity=severity,
            metadata={"campaigns": markdown_table(("campaign",), [(each,) for each in campaigns])},
        )
