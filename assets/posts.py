"""Accepted and rejected posts of a batch, their scores and entities."""

from collections.abc import Iterator

from dagster import AssetCheckResult, AssetExecutionContext, MaterializeResult, ResourceParam, multi_asset

from alphaads_pipelines.pipeline.batch_run import BatchRun
from alphaads_pipelines.pipeline.stages import Stage
from alphaads_pipelines.schema.tables import POST_ENTITIES, POST_SCORES, RAW_POSTS, REJECTED_POSTS
from assets.partitions import HOURS, ONE_RUN, hours_of
from assets.reporting import EmotionPlot, asset_spec, entity_metadata, materialised, schema_checks
from resources.names import CORRELATION_TAG

GROUP = "posts"
_plot = EmotionPlot()


@multi_asset(
    specs=[asset_spec(RAW_POSTS, GROUP), asset_spec(REJECTED_POSTS, GROUP)],
    check_specs=schema_checks(RAW_POSTS, REJECTED_POSTS),
    partitions_def=HOURS,
    backfill_policy=ONE_RUN,
)
def accepted_and_rejected_posts(
    context: AssetExecutionContext, batch_run: ResourceParam[BatchRun]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Read the batch's offsets, unseal, normalise and deduplicate (first write wins); rejects keep a reason."""
    report = batch_run.step(Stage.ACCEPT, hours_of(context))
    if len(report.correlation_ids) == 1:  # finds the run by its intake
        context.instance.add_run_tags(context.run.run_id, {CORRELATION_TAG: report.correlation_ids[0]})
    yield from materialised(report, [RAW_POSTS, REJECTED_POSTS])


@multi_asset(
    specs=[
        asset_spec(table, GROUP, deps=[RAW_POSTS.name], kinds=["deltalake", "python"])
        for table in (POST_SCORES, POST_ENTITIES)
    ],
    check_specs=schema_checks(POST_SCORES, POST_ENTITIES),
    partitions_def=HOURS,
    backfill_policy=ONE_RUN,
)
def scored_posts(
    context: AssetExecutionContext, batch_run: ResourceParam[BatchRun]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Score accepted posts, null where the scorer abstains; link tracked names."""
    report = batch_run.step(Stage.SCORE, hours_of(context))
    extra = {POST_SCORES.name: _plot.metadata(report), POST_ENTITIES.name: entity_metadata(report)}
    yield from materialised(report, [POST_SCORES, POST_ENTITIES], extra)
