"""`alphaads train`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import TextColumn, TimeRemainingColumn

from alphaads_pipelines.cli.console import FAILED, emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.evaluate import figures_table
from alphaads_pipelines.cli.options import DataFolder, JsonOutput, data_folder
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.models import serving_model, trained_models

if TYPE_CHECKING:
    from alphaads_pipelines.nlp.artifact import Artifact
    from alphaads_pipelines.nlp.training.fit import Report
    from alphaads_pipelines.nlp.training.quality import Verdict
    from alphaads_pipelines.nlp.training.recipe import Recipe
    from alphaads_pipelines.nlp.training.run_directory import Made

app = typer.Typer(help="Train the project's own models, and select the serving one.", no_args_is_help=True)
Epochs = Annotated[float | None, typer.Option(help="Passes over the training data.", min=0.0)]
Seed = Annotated[int | None, typer.Option(help="Random seed; the same seed reproduces the model.")]
Layers = Annotated[str | None, typer.Option(help="Layers kept of the initial encoder, such as 0,2,5.")]
Examples = Annotated[int, typer.Option(min=0, help="Limit of training examples; 0: all.")]
Threads = Annotated[int, typer.Option(min=0, help="Processor threads; 0: all that this process may use.")]
Output = Annotated[Path | None, typer.Option(help="Folder for the model, which then cannot serve.")]
NoPromote = Annotated[
    bool, typer.Option("--no-promote", help="Keep and check the model, but keep serving the old one.")
]
Version = Annotated[str, typer.Argument(help="A trained model's version.", show_default=False)]
Force = Annotated[bool, typer.Option("--force", help="Override the quality check.")]
_SAY_EACH = 20
"""Interval of progress lines if stderr is not a terminal."""


@app.command()
def nlp(
    data: DataFolder = None,
    epochs: Epochs = None,
    seed: Seed = None,
    layers: Layers = None,
    examples: Examples = 0,
    threads: Threads = 0,
    output: Output = None,
    no_promote: NoPromote = False,
    as_json: JsonOutput = False,
) -> None:
    """Train the model that scores posts, and serve it unless it is worse than the current one.

    Takes hours on a CPU. Rerun an interrupted training with the same options to resume it. Exit code 1 if the quality
    check refuses the model.
    """
    with exit_codes():
        settings = load_settings(quiet=True)
        settings.share_cores()
        recipe = _recipe(epochs, seed, layers, examples, threads)
        made = _made(data_folder(data, settings), settings, recipe)
        verdict = _judged(made.artifact, settings)
        models = trained_models(settings)
        artifact = made.hand_over(output or models.path(verdict.candidate))
        promotes = verdict.passed and output is None and not no_promote
        if promotes:
            models.promote(verdict.candidate)
        if as_json:
            emit(_described(artifact, made, verdict, promoted=promotes))
        else:
            _tell(artifact, made, verdict, settings)
        if not verdict.passed:
            raise typer.Exit(FAILED)


@app.command()
def promote(version: Version, force: Force = False) -> None:
    """Serve a trained model from the next batch on, unless the quality check refuses it."""
    with exit_codes():
        settings = load_settings(quiet=True)
        models = trained_models(settings)
        verdict = _judged(models.open(version), settings)
        _tell_verdict(verdict)
        if not verdict.passed and not force:
            raise typer.Exit(FAILED)
        models.promote(version)
        _tell_serving(settings)


@app.command()
def rollback() -> None:
    """Serve the previous model again; ultimately the shipped one."""
    with exit_codes():
        settings = load_settings(quiet=True)
        trained_models(settings).roll_back()
        _tell_serving(settings)


def _recipe(epochs: float | None, seed: int | None, layers: str | None, examples: int, threads: int) -> Recipe:
    from msgspec.structs import replace

    from alphaads_pipelines.nlp.training.recipe import Recipe

    recipe = Recipe(examples=examples, threads=threads)
    fits = {name: getattr(recipe, name) for name in ("schedule", "refinement", "distillation")}
    if seed is not None:
        fits = {name: replace(each, seed=seed) for name, each in fits.items()}
    if epochs is not None:
        fits["schedule"] = replace(fits["schedule"], epochs=epochs)
        fits["distillation"] = replace(fits["distillation"], epochs=min(epochs, recipe.distillation.epochs))
    kept = recipe.layers if layers is None else _layers(layers)
    return replace(recipe, layers=kept, **fits)


def _layers(written: str) -> tuple[int, ...]:
    from alphaads_pipelines.nlp.training.recipe import STARTING_LAYERS

    parts = [each.strip() for each in written.split(",")]
    if not all(each in map(str, range(STARTING_LAYERS)) for each in parts):
        raise InvalidRequest(f"--layers: numbers from 0 to {STARTING_LAYERS - 1}, with commas between them")
    return tuple(map(int, parts))


def _made(data: Path, settings: Settings, recipe: Recipe) -> Made:
    from alphaads_pipelines.nlp.training.run_directory import make

    with _reported() as report:
        return make(data, settings.training_path, recipe, report, lambda stage: err.print(stage, style="dim"))


@contextmanager
def _reported() -> Iterator[Report]:
    """If stderr is not a terminal, occasional lines."""
    with progress(TextColumn("left:"), TimeRemainingColumn()) as display:
        task = display.add_task("fitting", total=None)

        def report(step: int, steps: int, loss: float) -> None:
            told = f"loss {loss:.3f}"
            display.update(task, completed=step, total=steps, description=told)
            if not err.is_terminal and step * _SAY_EACH // steps > (step - 1) * _SAY_EACH // steps:
                err.print(f"step {step:,} of {steps:,}, {told}", style="dim")

        yield report


def _judged(artifact: Artifact, settings: Settings) -> Verdict:
    from alphaads_pipelines.nlp.training.quality import judge

    return judge(artifact, serving_model(settings))


def _tell(artifact: Artifact, made: Made, verdict: Verdict, settings: Settings) -> None:
    out.print(figures_table(f"{verdict.candidate}, validation data", made.figures))
    out.print(f"{verdict.candidate} lies in {artifact.path}", soft_wrap=True)
    _tell_verdict(verdict)
    _tell_serving(settings)


def _tell_verdict(verdict: Verdict) -> None:
    out.print(f"compared with {verdict.serving or 'nothing, for no model serves'}:")
    for finding in verdict.findings:
        out.print(f"  {finding}", soft_wrap=True)
    if not verdict.passed:
        err.print(f"[red]refused:[/red] {verdict.candidate} is worse than it may be")


def _tell_serving(settings: Settings) -> None:
    out.print(f"the model in {serving_model(settings)} serves", soft_wrap=True)
    if settings.nlp_artifact is not None:
        err.print("NLP_ARTIFACT says so; what is promoted serves once it is unset", style="dim")


def _described(artifact: Artifact, made: Made, verdict: Verdict, *, promoted: bool) -> dict[str, Any]:
    import msgspec

    return {
        "version": verdict.candidate,
        "path": str(artifact.path),
        "figures": msgspec.to_builtins(made.figures),
        "compared_with": verdict.serving,
        "passed": verdict.passed,
        "findings": msgspec.to_builtins(verdict.findings),
        "promoted": promoted,
    }
