"""`alphaads evaluate nlp`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import DataFolder, JsonOutput, data_folder
from alphaads_pipelines.nlp.registry import SCORERS, build_scorer
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.models import scorer_options

if TYPE_CHECKING:
    from alphaads_pipelines.nlp.base import Scorer
    from alphaads_pipelines.nlp.training.evaluation import Figure


class Split(StrEnum):
    """Which part of the data a model is measured on."""

    VALIDATION = "validation"
    TEST = "test"


app = typer.Typer(help="Evaluate the project's models on public data.", no_args_is_help=True)
Tier = Annotated[str | None, typer.Option("--tier", "-t", help=f"Which scorer: {', '.join(SCORERS)}.")]
Part = Annotated[Split, typer.Option("--split", help="validation to select a model; test for the selected one.")]
Artifact = Annotated[Path | None, typer.Option(help="Folder of our own model; default: the shipped one.")]

_HINT = (
    "The published figures are of the test data. Validation data choose between models; test figures are for a model "
    "that is chosen, once: --split test"
)


@app.command()
def nlp(
    data: DataFolder = None,
    tier: Tier = None,
    split: Part = Split.VALIDATION,
    artifact: Artifact = None,
    as_json: JsonOutput = False,
) -> None:
    """Score the annotated posts of public datasets, and print each figure beside published ones.

    "as served" counts a text without an answer as a miss; "told" is the answer of our own network (no other
    supports this) with the language given as English. Options default to the settings (SCORER_TIER ...).
    """
    from alphaads_pipelines.nlp.training.evaluation import evaluate
    from alphaads_pipelines.nlp.training.sources import Sources

    with exit_codes():
        settings = load_settings(quiet=True)
        sources, scorer = Sources(data_folder(data, settings)), _scorer(tier, artifact, settings)
        with progress() as display:
            task = display.add_task("measuring", total=None)
            figures = evaluate(
                scorer,
                sources,
                split.value,
                lambda done: display.update(task, advance=1, description=f"measured {done}"),
            )
        if as_json:
            model = msgspec.to_builtins(scorer.model)
            emit({"tier": scorer.tier, "model": model, "split": split, "figures": msgspec.to_builtins(figures)})
        else:
            title = f"{scorer.tier}: {scorer.model.name} {scorer.model.version}, {split} data"
            out.print(figures_table(title, figures))
        if split is Split.VALIDATION:
            err.print(_HINT, style="dim", soft_wrap=True)


def _scorer(tier: str | None, artifact: Path | None, settings: Settings) -> Scorer:
    options = scorer_options(settings)
    if artifact is not None:
        options = msgspec.structs.replace(options, artifact=artifact)
    return build_scorer(tier or settings.scorer_tier, options)


def figures_table(title: str, figures: list[Figure]) -> Table:
    """A table of our figures beside the published ones."""
    table = Table("task", "data", "measure", title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("cases", "told", "as served"):
        table.add_column(name, justify="right")
    table.add_column("published")
    for each in figures:
        published = ", ".join(f"{system} {_percent(value)}" for system, value in each.published.items())
        values = (f"{each.cases:,}", _percent(each.told), _percent(each.served))
        table.add_row(each.task, each.data, each.measure, *values, published)
    return table


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"
