"""Customer profiles and emotional journeys, folded from scored posts."""

from collections.abc import Iterator

from dagster import AssetCheckResult, AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from alphaads_pipelines.pipeline.batch_run import BatchRun
from alphaads_pipelines.pipeline.stages import Stage
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, POST_ENTITIES, POST_SCORES
from assets.partitions import HOURS, ONE_RUN, hours_of
from assets.reporting import asset_spec, materialised, schema_checks

GROUP = "profiles"


@multi_asset(
    # The same dependencies for both, or Dagster's UI refuses to backfill them together.
    specs=[
        asset_spec(table, GROUP, deps=[POST_SCORES.name, POST_ENTITIES.name])
        for table in (CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS)
    ],
    check_specs=schema_checks(CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS),
    partitions_def=HOURS,
    backfill_policy=ONE_RUN,
)
def folded_profiles(
    context: AssetExecutionContext, batch_run: ResourceParam[BatchRun]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Fold scores and entities into live profiles; a replay rebuilds the affected profiles from scratch."""
    report = batch_run.step(Stage.FOLD, hours_of(context))
    yield from materialised(report, [CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS])
