"""Scheduled checks of `post_scores`: label drift and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dagster import AssetCheckResult, AssetCheckSeverity, MetadataValue, ResourceParam, asset_check

from alphaads_pipelines.schema.tables import POST_SCORES
from alphaads_pipelines.wiring.app import Wiring
from assets.reporting import markdown_table, picture

if TYPE_CHECKING:
    from dagster import RawMetadataValue

    from alphaads_pipelines.nlp.drift import Drift, Judgement
    from alphaads_pipelines.nlp.reliability import Reliability

DRIFT, CALIBRATION = "drift", "calibration"
MODEL_CHECKS = (DRIFT, CALIBRATION)


@asset_check(
    name=DRIFT,
    asset=POST_SCORES.name,
    description="In each hour of the newest day, labels are as frequent as in that hour of the seven days before. "
    "Only scores of one model are compared; a change of the model is reported apart.",
)
def drift(wiring: ResourceParam[Wiring]) -> AssetCheckResult:
    """Compare the newest day with the days before; publish the drift for the metrics server."""
    from alphaads_pipelines.nlp.drift import DOCUMENT, find_drift
    from alphaads_pipelines.stores.sql.documents import publish_document

    now = datetime.now(UTC)
    found = find_drift(wiring.lake, wiring.ledger, now)
    publish_document(wiring.engine, DOCUMENT, {"ratios": dict(found.strongest), "judged_at": now.isoformat()}, now)
    return AssetCheckResult(passed=not found.drifted, severity=AssetCheckSeverity.WARN, metadata=_drift_metadata(found))


def _drift_metadata(found: Drift) -> Mapping[str, RawMetadataValue]:
    from alphaads_pipelines.nlp.plots import drift_plot_png

    changes = [(f"{each.hour:%Y-%m-%d %H:%M}", each.before, each.after) for each in found.changes]
    return {
        "plot": picture("drift", drift_plot_png(found)),
        "judged": len(found.judged),
        "not_judged": found.not_judged,
        **({"drifted": _judgements(found.drifted)} if found.drifted else {}),
        **({"model_changes": markdown_table(("hour", "before", "after"), changes)} if changes else {}),
    }


def _judgements(judgements: Sequence[Judgement]) -> MetadataValue[str]:
    header = ("task", "hour", "posts", "compared with", "index", "threshold", "moved most", "model")
    return markdown_table(
        header,
        [
            (
                *(each.task, f"{each.hour:%Y-%m-%d %H:%M}" if each.hour else "the day"),
                *(f"{each.posts:,}", f"{each.reference:,}", f"{each.psi:.3f}", f"{each.threshold:.3f}"),
                *(each.moved, each.model),
            )
            for each in judgements
        ],
    )


@asset_check(
    name=CALIBRATION,
    asset=POST_SCORES.name,
    description="On its validation data, the model in use has an expected calibration error of at most 0.05 per task.",
)
def calibration(wiring: ResourceParam[Wiring]) -> AssetCheckResult:
    """Check the model card of the scorer in use; a tier without figures passes."""
    from alphaads_pipelines.nlp.reliability import HIGHEST_ERROR

    tasks, model = wiring.scorer.reliability(), wiring.scorer.model
    passed = all(each.ece <= HIGHEST_ERROR for each in tasks.values())
    named: Mapping[str, RawMetadataValue] = {"model": f"{model.name} {model.version}"}
    return AssetCheckResult(passed=passed, metadata={**named, **_calibration_metadata(tasks)})


def _calibration_metadata(tasks: Mapping[str, Reliability]) -> Mapping[str, RawMetadataValue]:
    if not tasks:
        return {"calibration": "not stated"}
    from alphaads_pipelines.nlp.plots import reliability_plot_png

    rows = [(task, f"{each.ece:.3f}", f"{each.highest_error:.3f}", f"{each.cases:,}") for task, each in tasks.items()]
    return {
        "calibration": markdown_table(("task", "expected error", "highest error", "cases"), rows),
        "plot": picture("reliability", reliability_plot_png(tasks)),
    }
