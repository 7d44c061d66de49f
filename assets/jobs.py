"""Jobs: groups of assets, and maintenance ops."""

from datetime import UTC, datetime, timedelta

from dagster import (
    AssetCheckKey,
    AssetKey,
    AssetSelection,
    OpExecutionContext,
    ResourceParam,
    define_asset_job,
    job,
    op,
)

from alphaads_pipelines.schema.subject_tables import AD_ENGAGEMENT, RELEASED_GROUPS, RIGHTS_REQUESTS
from alphaads_pipelines.schema.tables import AD_CREATIVES, BANDIT_POLICY, POST_SCORES, PUBLISHED
from alphaads_pipelines.wiring.app import Wiring
from assets.audit import AUDIT_CHAIN
from assets.models import MODEL_CHECKS
from assets.promotion import POLICY_EVALUATION, SERVED_POLICY
from assets.publishing import LEDGER_CHECKS, UPSTREAM
from assets.reporting import markdown_table
from assets.segments import BEHAVIOURAL_SEGMENTS
from assets.spending import AD_SPENDING
from assets.training import NLP_MODEL, SERVED_NLP_MODEL
from resources import names

_ledger_checks = AssetSelection.checks(*(AssetCheckKey(AssetKey(PUBLISHED.name), name) for name in LEDGER_CHECKS))
_audit_checks = AssetSelection.checks(AssetCheckKey(AssetKey(PUBLISHED.name), AUDIT_CHAIN))
_model_checks = AssetSelection.checks(*(AssetCheckKey(AssetKey(POST_SCORES.name), name) for name in MODEL_CHECKS))

micro_batch = define_asset_job(
    names.MICRO_BATCH,
    selection=AssetSelection.assets(PUBLISHED.name, *(table.name for table in UPSTREAM))
    - _ledger_checks
    - _audit_checks
    - _model_checks,
    description="One micro-batch from the stream to the published pointer; with partitions and no batch, a replay.",
)

advertising = define_asset_job(
    names.ADVERTISING,
    selection=AssetSelection.assets(AD_CREATIVES.name, BANDIT_POLICY.name, AD_ENGAGEMENT.name, AD_SPENDING),
    description="Writes and moderates creatives, updates the policies, counts engagement, bills ads.",
    tags=names.LONGEST_RUN,
)

creatives = define_asset_job(
    names.CREATIVES,
    selection=AssetSelection.assets(AD_CREATIVES.name),
    description="Writes and moderates the texts of the campaigns.",
    tags=names.LONGEST_RUN,
)

advertising_loop = define_asset_job(
    names.ADVERTISING_LOOP,
    selection=AssetSelection.assets(BANDIT_POLICY.name, AD_ENGAGEMENT.name, AD_SPENDING),
    description="Updates the policies, counts engagement, bills ads; requested by new decisions and events.",
    tags=names.LONGEST_RUN,
)

promotion = define_asset_job(
    names.PROMOTION,
    selection=AssetSelection.assets(POLICY_EVALUATION, SERVED_POLICY),
    description="Evaluates the learning policies against the serving one and promotes the best; by hand only.",
    tags=names.LONGEST_RUN,
)

integrity = define_asset_job(
    names.INTEGRITY,
    selection=_ledger_checks | _audit_checks,
    description="Checks published batches for gaps, duplicates and freshness, and verifies the audit log.",
    tags=names.LONGEST_RUN,
)

model_watch = define_asset_job(
    names.MODEL_WATCH,
    selection=_model_checks,
    description="Checks label drift and the calibration of the model in use.",
    tags=names.LONGEST_RUN,
)

training = define_asset_job(
    names.TRAINING,
    selection=AssetSelection.assets(NLP_MODEL, SERVED_NLP_MODEL),
    description="Trains our own model and promotes it unless it is worse; by hand only, since it takes hours.",
    tags=names.LONGEST_TRAINING,
)

segments = define_asset_job(
    names.SEGMENTS,
    selection=AssetSelection.assets(BEHAVIOURAL_SEGMENTS),
    description="Refits the behavioural segments.",
    tags=names.LONGEST_RUN,
)


erasures = define_asset_job(
    names.ERASURES,
    selection=AssetSelection.assets(RIGHTS_REQUESTS.name),
    description="Continues erasures; checks the deadlines of open requests.",
    tags=names.LONGEST_RUN,
)


aggregates = define_asset_job(
    names.AGGREGATES,
    selection=AssetSelection.assets(RELEASED_GROUPS.name),
    description="Releases the groups of people for aggregates, once a day.",
    tags=names.LONGEST_RUN,
)


@op
def maintain_lake(context: OpExecutionContext, wiring: ResourceParam[Wiring]) -> None:
    """Merge small files, write checkpoints and vacuum each table."""
    from alphaads_pipelines.schema.tables import LAKE_TABLES

    keep_hours = wiring.settings.lake_retention_hours
    figures = {table.name: wiring.lake.maintain(table, retention_hours=keep_hours) for table in LAKE_TABLES}
    header = list(next(iter(figures.values()), {}))
    rows = [(name, *(f"{each.get(figure, 0):,}" for figure in header)) for name, each in figures.items()]
    context.add_output_metadata({"tables": markdown_table(("table", *header), rows)})


@op
def trim_streams(context: OpExecutionContext, wiring: ResourceParam[Wiring]) -> None:
    """Remove old records of the embedded stream; Kafka applies its own retention."""
    from alphaads_pipelines.pipeline.retention import trim_streams as trim

    settings = wiring.settings
    cutoff = datetime.now(UTC) - timedelta(hours=settings.stream_retention_hours)
    context.add_output_metadata({"removed_records": trim(wiring.stream, wiring.topics, cutoff)})


@op
def destroy_expired_keys(context: OpExecutionContext, wiring: ResourceParam[Wiring]) -> None:
    """Destroy daily keys after thirty days, and thereby the data they sealed."""
    context.add_output_metadata({"destroyed_keys": wiring.subject_keys.destroy_expired(datetime.now(UTC))})


@op
def sign_audit_log(context: OpExecutionContext, wiring: ResourceParam[Wiring]) -> None:
    """Sign the heads of intact audit chains and remove expired chains."""
    done = wiring.rights.audit_maintenance.checkpoint(datetime.now(UTC))
    context.add_output_metadata(
        {"signed_chains": done.signed, "removed_chains": done.expired, "problems": len(done.problems)}
    )


@op
def prune_key_backups(context: OpExecutionContext, wiring: ResourceParam[Wiring]) -> None:
    """Delete expired key backups; copy erasures from other hosts into this host's journal."""
    now = datetime.now(UTC)
    caught_up = wiring.rights.erasure_journal.catch_up(wiring.engine, now)
    deleted = len(wiring.rights.key_backups.prune(now))
    context.add_output_metadata({"deleted_key_backups": deleted, "journalled_erasures": caught_up})


@job(name=names.MAINTENANCE, description="Maintains lake, stream, keys and audit log.", tags=names.LONGEST_RUN)
def maintenance() -> None:
    """Five independent steps."""
    maintain_lake()
    trim_streams()
    destroy_expired_keys()
    prune_key_backups()
    sign_audit_log()


@op
def prune_history(context: OpExecutionContext, wiring: ResourceParam[Wiring]) -> None:
    """Delete old runs with their logs, delivered broker rows and results."""
    from resources.pruning import prune_broker, prune_runs

    before = datetime.now(UTC) - timedelta(hours=wiring.settings.run_retention_hours)
    runs, rows = prune_runs(context.instance, before), prune_broker(wiring.settings, before)
    context.add_output_metadata({"deleted_runs": runs, "deleted_broker_rows": rows})


@job(name=names.PRUNE, description="Deletes runs older than RUN_RETENTION_HOURS.", tags=names.LONGEST_RUN)
def prune() -> None:
    """One step."""
    prune_history()
