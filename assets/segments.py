"""Behavioural segments, fitted daily; metadata shows groups only."""

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from dagster import AssetExecutionContext, MaterializeResult, MetadataValue, ResourceParam, asset

from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, LIVE_PROFILES
from alphaads_pipelines.wiring.app import Wiring
from assets.audit import recorder
from assets.profiles import GROUP
from assets.reporting import markdown_table, picture

if TYPE_CHECKING:
    from alphaads_pipelines.profiles.segments import Fit

BEHAVIOURAL_SEGMENTS = "behavioural_segments"


@asset(
    name=BEHAVIOURAL_SEGMENTS,
    description="Centroids of groups of at least ten people who post and feel alike, as the API serves them. "
    "Ids outlive refits. People who objected to analytics or whose data is restricted are left out.",
    group_name=GROUP,
    kinds={"sqlalchemy", "scikitlearn"},
    deps=[CUSTOMER_PROFILES.name],
)
def behavioural_segments(context: AssetExecutionContext, wiring: ResourceParam[Wiring]) -> MaterializeResult[None]:
    """Fit segments to a sample of live profiles, publish them and plot their journeys."""
    from alphaads_pipelines.pipeline.segments import refresh_segments
    from alphaads_pipelines.profiles.journey_plot import segment_journeys_png
    from alphaads_pipelines.stores.subjects.permissions import excluded_in

    note = recorder(context, wiring, action="profiles.fit_segments", purpose="analytics", resource=LIVE_PROFILES.name)
    left_out = partial(excluded_in, purpose="analytics")
    done = refresh_segments(wiring.engine, datetime.now(UTC), left_out=left_out, note=note)
    return MaterializeResult(
        metadata={
            "published_version": done.version,
            "people": done.people,
            "segments": _segments(done.fit),
            "silhouettes": markdown_table(
                ("segments", "silhouette"), [(k, f"{value:.3f}") for k, value in sorted(done.fit.silhouettes.items())]
            ),
            "new": ", ".join(sorted(done.new_ids)) or "none",
            "gone": ", ".join(sorted(done.gone_ids)) or "none",
            "journeys": picture("journeys", segment_journeys_png(done.journeys)),
        }
    )


def _segments(fit: "Fit") -> MetadataValue[str]:
    from alphaads_pipelines.profiles.segments import traits_of

    rows = []
    for each in fit.segmentation.segments:
        traits = ", ".join(f"{name} {off:+.1f}" for name, off in traits_of(each, fit.segmentation))
        rows.append((each.segment_id, f"{fit.sizes[each.segment_id]:,}", traits or "like everybody"))
    return markdown_table(("segment", "people", "what sets it apart, in standard deviations"), rows)
