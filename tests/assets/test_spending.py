"""The asset that bills: what it shows, and what its checks say of the books."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from dagster import AssetCheckKey, AssetKey
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from alphaads_pipelines.campaigns.store import insert_campaigns
from alphaads_pipelines.decisions.budget.reservations import Reservations
from alphaads_pipelines.runtime.in_process import InProcess
from alphaads_pipelines.stores.sql.relational import sql_table, transaction
from alphaads_pipelines.streams.base import Record
from assets.spending import AD_SPENDING, BOOKS_AGREE, WITHIN_BUDGET
from tests.decisions.campaigns import COST, campaign

PASSED, FAILED = AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED
HEARD, UNHEARD = "1" * 32, "2" * 32


def _bill(jobs: InProcess) -> dict[str, Any]:
    """Materialise the asset alone; the status of its checks, and the ids that they name."""
    result = (
        jobs.definitions.get_repository_def()
        .get_job("advertising")
        .execute_in_process(instance=jobs.instance, asset_selection=[AssetKey(AD_SPENDING)], raise_on_error=False)
    )
    assert result.success, "what the checks find stops no billing"
    found = {}
    for name in (BOOKS_AGREE, WITHIN_BUDGET):
        key = AssetCheckKey(AssetKey(AD_SPENDING), name)
        [record] = jobs.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        found[name] = record.status
    return found


def _metadata(jobs: InProcess) -> dict[str, Any]:
    event = jobs.instance.get_latest_materialization_event(AssetKey(AD_SPENDING))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_impressions_are_billed_and_the_books_are_looked_over(jobs: InProcess) -> None:
    wiring, now = jobs.wiring, datetime.now(UTC)
    of = campaign(budget_microusd=9 * COST)
    with transaction(wiring.engine) as connection:
        insert_campaigns(connection, [of], now)
    for key in (HEARD, UNHEARD):
        assert Reservations(wiring.engine).reserve(key, of, None, [], None, now) is None
    event = {"event_id": "event-1", "decision_id": HEARD, "kind": "impression", "occurred_at": now.isoformat()}
    wiring.stream.produce(wiring.topics.events, [Record(0, orjson.dumps(event))])
    assert _bill(jobs) == {BOOKS_AGREE: PASSED, WITHIN_BUDGET: PASSED}
    shown = _metadata(jobs)
    assert (shown["events"], shown["confirmed"], shown["spent_usd"], shown["released"]) == (1, 1, 0.001, 0)
    campaigns, days = sql_table("campaigns"), sql_table("campaign_days")
    with transaction(wiring.engine) as connection:
        connection.execute(campaigns.update().values(budget_microusd=COST))
    assert _bill(jobs) == {BOOKS_AGREE: PASSED, WITHIN_BUDGET: FAILED}
    assert _metadata(jobs)["events"] == 0
    with transaction(wiring.engine) as connection:
        connection.execute(campaigns.update().values(budget_microusd=None))
        connection.execute(days.update().values(spent_microusd=0))
    assert _bill(jobs) == {BOOKS_AGREE: FAILED, WITHIN_BUDGET: PASSED}
