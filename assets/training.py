"""Training, quality check and promotion of our own model."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetKey,
    MaterializeResult,
    ResourceParam,
    asset,
)

from alphaads_pipelines.errors import ConfigurationError, NotFound, QualityRefused
from alphaads_pipelines.wiring.app import Wiring
from alphaads_pipelines.wiring.models import serving_model
from assets.reporting import markdown_table, picture

if TYPE_CHECKING:
    from dagster import RawMetadataValue

    from alphaads_pipelines.nlp.artifact import Artifact
    from alphaads_pipelines.nlp.training.fit import Report
    from alphaads_pipelines.nlp.training.quality import Verdict
    from alphaads_pipelines.nlp.training.run_directory import Made

GROUP = "models"
NLP_MODEL, SERVED_NLP_MODEL = "nlp_model", "served_nlp_model"
QUALITY = "quality"
_VERSION = "version"
_LOGGED = 20
"""Progress logs per training."""

_QUALITY_DOC = (
    "On validation data, no figure is more than a point below the serving model's, their mean is not lower, "
    "probabilities are calibrated, and the files are small enough; else the old model keeps serving."
)


@asset(
    name=NLP_MODEL,
    description="Our own model, trained on the public data in NLP_DATA; it takes hours.",
    group_name=GROUP,
    kinds={"pytorch", "onnx"},
    check_specs=[AssetCheckSpec(QUALITY, asset=NLP_MODEL, blocking=True, description=_QUALITY_DOC)],
)
def nlp_model(
    context: AssetExecutionContext, wiring: ResourceParam[Wiring]
) -> Iterator[MaterializeResult[None] | AssetCheckResult]:
    """Train, or resume a stopped training; keep the model whatever the check finds."""
    from alphaads_pipelines.nlp.training.run_directory import make

    settings = wiring.settings
    if settings.nlp_data is None:
        raise ConfigurationError("NLP_DATA is not set: name the folder of the datasets; docs/models.md says more")
    settings.share_cores()
    made = make(settings.nlp_data, settings.training_path, wiring.recipe, _logged(context), context.log.info)
    verdict = _judged(made.artifact, wiring)
    artifact = made.hand_over(wiring.trained_models.path(verdict.candidate))
    yield MaterializeResult(metadata=_model_metadata(artifact, made))
    yield AssetCheckResult(check_name=QUALITY, passed=verdict.passed, metadata=_verdict_metadata(verdict))


@asset(
    name=SERVED_NLP_MODEL,
    description="The one of our own models that scores posts, from the next batch on.",
    group_name=GROUP,
    deps=[NLP_MODEL],
)
def served_nlp_model(context: AssetExecutionContext, wiring: ResourceParam[Wiring]) -> MaterializeResult[None]:
    """Promote the newest model, evaluated again because this asset may run alone."""
    artifact = wiring.trained_models.open(_newest_version(context))
    verdict = _judged(artifact, wiring)
    if not verdict.passed:
        raise QualityRefused("; ".join(verdict.refusals))
    wiring.trained_models.promote(verdict.candidate)
    serves = serving_model(wiring.settings)
    return MaterializeResult(
        metadata={
            _VERSION: verdict.candidate,
            "before": verdict.serving or "none",
            "path": str(serves),
            "is_overridden": serves != artifact.path,
        }
    )


def _newest_version(context: AssetExecutionContext) -> str:
    event = context.instance.get_latest_materialization_event(AssetKey(NLP_MODEL))
    materialization = event and event.asset_materialization
    if not materialization:
        raise NotFound(f"{NLP_MODEL} was never materialised: there is no model to promote")
    return str(materialization.metadata[_VERSION].value)


def _judged(artifact: "Artifact", wiring: Wiring) -> "Verdict":
    from alphaads_pipelines.nlp.training.quality import judge

    return judge(artifact, serving_model(wiring.settings))


def _logged(context: AssetExecutionContext) -> "Report":
    def report(step: int, steps: int, loss: float) -> None:
        if step * _LOGGED // steps > (step - 1) * _LOGGED // steps:
            context.log.info(f"step {step:,} of {steps:,}, loss {loss:.3f}")

    return report


def _model_metadata(artifact: "Artifact", made: "Made") -> "Mapping[str, RawMetadataValue]":
    from alphaads_pipelines.nlp.plots import loss_plot_png, reliability_plot_png

    manifest = artifact.manifest
    rows = [
        (each.task, each.data, each.measure, f"{each.cases:,}", _percent(each.told), _percent(each.served))
        for each in made.figures
    ]
    return {
        _VERSION: manifest.version,
        "path": str(artifact.path),
        "bytes": sum(path.stat().st_size for path in artifact.path.iterdir()),
        "figures": markdown_table(("task", "data", "measure", "cases", "told", "as served"), rows),
        "recipe": markdown_table(("of the recipe", "value"), manifest.recipe.items()),
        "steps": made.losses[-1][0] if made.losses else 0,
        "loss": picture("loss", loss_plot_png(made.losses)),
        "reliability": picture("reliability", reliability_plot_png(manifest.reliability)),
    }


def _verdict_metadata(verdict: "Verdict") -> "Mapping[str, RawMetadataValue]":
    rows = [
        (each.demand, _number(each.candidate), _number(each.serving), "met" if each.passed else "**not met**")
        for each in verdict.findings
    ]
    return {
        "model": verdict.candidate,
        "compared_with": verdict.serving or "no model serves",
        "findings": markdown_table(("demand", "this model", "the one that serves", ""), rows),
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"
