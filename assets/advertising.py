"""Creatives, the policies that choose among them, and engagement."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from dagster import AssetCheckResult, AssetExecutionContext, MaterializeResult, MetadataValue, ResourceParam, asset

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.schema.subject_tables import AD_ENGAGEMENT
from alphaads_pipelines.schema.tables import AD_CREATIVES, BANDIT_POLICY
from alphaads_pipelines.wiring.app import Wiring
from assets.audit import recorder
from assets.reporting import markdown_table, schema_checks, schema_result

GROUP = "advertising"
_SHOWN = 10


@asset(
    name=AD_CREATIVES.name,
    description=AD_CREATIVES.doc,
    group_name=GROUP,
    kinds={"deltalake", "jinja"},
    check_specs=schema_checks(AD_CREATIVES),
)
def ad_creatives(wiring: ResourceParam[Wiring]) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Write, moderate and publish creatives for every active campaign and emotion."""
    from alphaads_pipelines.campaigns.sample_campaigns import seed_samples
    from alphaads_pipelines.pipeline.ad_creatives import refresh_creatives
    from alphaads_pipelines.wiring.creatives import build_classifiers, build_generator

    now = datetime.now(UTC)
    if wiring.settings.sample_campaigns:
        seed_samples(wiring.engine, now)
    generator, classifiers = build_generator(wiring.settings), build_classifiers(wiring)
    try:
        done = refresh_creatives(wiring.lake, wiring.engine, generator, classifiers, now)
    except SchemaMismatch as error:
        yield schema_result(AD_CREATIVES, [str(error)])
        raise
    yield schema_result(AD_CREATIVES)
    shown = done.rows.select("campaign_id", "emotion", "headline", "body").head(_SHOWN).rows()
    states = Counter(done.rows["moderation"])
    yield MaterializeResult(
        metadata={
            "dagster/row_count": done.rows.height,
            **{state: states[state] for state in ("approved", "needs_review", "refused")},
            "changed": done.changed,
            "generator": generator.name,
            "examples": markdown_table(("campaign", "emotion", "headline", "body"), shown),
        }
    )


@asset(
    name=BANDIT_POLICY.name,
    description=BANDIT_POLICY.doc,
    group_name=GROUP,
    kinds={"deltalake", "numpy"},
    deps=[AD_CREATIVES.name],
    check_specs=schema_checks(BANDIT_POLICY),
)
def bandit_policy(
    context: AssetExecutionContext, wiring: ResourceParam[Wiring]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Update the policies from new decisions and events, exactly once."""
    from alphaads_pipelines.bandits.policy_store import read_roles
    from alphaads_pipelines.pipeline.learning import learn_policies
    from alphaads_pipelines.pipeline.policy_history import write_history
    from alphaads_pipelines.wiring.policies import teaching

    settings, now = wiring.settings, datetime.now(UTC)
    taught = teaching(settings)
    note = recorder(context, wiring, action="decisions.learn", purpose="operation", resource=BANDIT_POLICY.name)
    # The loop's run and the hourly one may conflict.
    learned = learn_policies(wiring.stream, wiring.engine, taught, topics=wiring.topics, now=now, note=note, attempts=3)
    _, roles = read_roles(wiring.engine)
    try:
        write_history(wiring.lake, wiring.engine, [*taught.policies, *roles.names], now)
    except SchemaMismatch as error:
        yield schema_result(BANDIT_POLICY, [str(error)])
        raise
    yield schema_result(BANDIT_POLICY)
    yield MaterializeResult(
        metadata={
            "serves": roles.serving.policy,
            "versions": markdown_table(("policy", "new version"), learned.versions.items()),
            "decisions": learned.decisions,
            "events": learned.events,
            "left_out": learned.left_out,
            "pulls": learned.pulls,
            "rewards": learned.rewards,
            "offsets": _offsets(learned.offsets),
        }
    )


@asset(name=AD_ENGAGEMENT.name, description=AD_ENGAGEMENT.doc, group_name=GROUP, kinds={"sql"})
def ad_engagement(context: AssetExecutionContext, wiring: ResourceParam[Wiring]) -> MaterializeResult[None]:
    """Count each person's engagement from decisions and events, exactly once."""
    from alphaads_pipelines.pipeline.engagement import update_engagement

    note = recorder(context, wiring, action="engagement.count", purpose="operation", resource=AD_ENGAGEMENT.name)
    done = update_engagement(wiring.stream, wiring.engine, topics=wiring.topics, now=datetime.now(UTC), note=note)
    return MaterializeResult(
        metadata={
            "decisions": done.decisions,
            "events": done.events,
            "left_out": done.left_out,
            "changed_hours": done.hours,
            "closed": done.closed,
            "offsets": _offsets(done.offsets),
        }
    )


def _offsets(offsets: Mapping[str, Mapping[str, int]]) -> MetadataValue[str]:
    rows = [(topic, *each) for topic, ends in offsets.items() for each in ends.items()]
    return markdown_table(("topic", "partition", "read until"), rows)
