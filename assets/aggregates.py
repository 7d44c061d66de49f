"""The groups of people behind every exact aggregate, released daily."""

from datetime import UTC, datetime

from dagster import AssetExecutionContext, MaterializeResult, ResourceParam, asset

from alphaads_pipelines.schema.subject_tables import RELEASED_GROUPS
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, LIVE_PROFILES
from alphaads_pipelines.wiring.app import Wiring
from assets.audit import recorder

GROUP = "analytics"


@asset(
    name=RELEASED_GROUPS.name,
    description=RELEASED_GROUPS.doc,
    group_name=GROUP,
    kinds={"sqlalchemy", "polars"},
    deps=[CUSTOMER_PROFILES.name],
)
def released_groups(context: AssetExecutionContext, wiring: ResourceParam[Wiring]) -> MaterializeResult[None]:
    """Release groups up to the last settled day; idempotent within a day."""
    from alphaads_pipelines.pipeline.aggregates import release_groups

    note = recorder(context, wiring, action="profiles.aggregate", purpose="analytics", resource=LIVE_PROFILES.name)
    done = release_groups(wiring.engine, least=wiring.settings.min_group_size, now=datetime.now(UTC), note=note)
    return MaterializeResult(
        metadata={
            "release": done.version,
            "until_day": done.until_day.isoformat(),
            "new_groups": done.groups,
            "posts": done.posts,
            "least_group": wiring.settings.min_group_size,
        }
    )
