"""`alphaads experiment analyse`: what an experiment has shown by now, and whether to ship, stop or go on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.errors import InvalidRequest

if TYPE_CHECKING:
    from alphaads_pipelines.creatives.experiments.result import Metric, Result

app = typer.Typer(help="Judge experiments, as often as you like while they run.", no_args_is_help=True)
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="JSON lines or CSV, in order of time: `unit, arm, OUTCOME...` for each unit, or `at, arm, units, "
        "OUTCOME...` with the counts of each period. -: stdin.",
        show_default=False,
    ),
]
Goal = Annotated[
    str,
    typer.Option(help="NAME[:rate|mean][:higher|lower]: the column that is to get better.", show_default=False),
]
GuardRails = Annotated[
    list[str] | None,
    typer.Option(
        "--guard-rail",
        help="NAME[:rate|mean][:higher|lower]:MARGIN: a column that may not get worse by more than MARGIN, a share of "
        "control's rate (0.05: a twentieth) or a difference of means. May be repeated.",
    ),
]
Control = Annotated[str, typer.Option(help="The arm that others are compared with.")]
Shares = Annotated[
    list[str] | None,
    typer.Option("--share", help="ARM=N: how units were to be split, for each arm; default: evenly."),
]
Alpha = Annotated[float, typer.Option(help="Chance of shipping what is no better, over all looks and arms.")]
Planned = Annotated[int, typer.Option("--planned-units", help="After so many units an arm that shows nothing stops.")]
Report = Annotated[Path | None, typer.Option("--report", help="Also write a page with intervals and a picture.")]


@app.callback()
def experiment() -> None:
    """Keeps `analyse` a command of its own while it is the only one."""


@app.command()
def analyse(
    file: File,
    goal: Goal,
    guard_rail: GuardRails = None,
    control: Control = "control",
    share: Shares = None,
    alpha: Alpha = 0.05,
    planned_units: Planned = 100_000,
    report: Report = None,
    as_json: JsonOutput = False,
) -> None:
    """Compare each arm with control, and say what to do: ship, stop or continue, with the reasons.

    Intervals hold at every look: run it after each unit if you like. Metrics, margins, alpha and planned units are
    decided before the first look. docs/learning.md describes the file, the methods and the rule.
    """
    from alphaads_pipelines.creatives.experiments.analysis import analyse
    from alphaads_pipelines.creatives.experiments.observations import read_observations
    from alphaads_pipelines.creatives.experiments.page import render_page
    from alphaads_pipelines.creatives.experiments.result import Plan

    with exit_codes():
        load_settings(quiet=True)
        rails = tuple(_metric(each, "--guard-rail") for each in guard_rail or ())
        plan = Plan(_metric(goal, "--goal"), rails, alpha, planned_units)
        shares = _shares(share)
        observations = read_observations(_text(file), plan.metrics, shares)
        result = analyse(observations, plan, control=control, shares=shares)
        if report is not None:
            report.write_text(render_page(result, f"Experiment {file.stem}"), encoding="utf-8")
        if as_json:
            emit(result.as_dict())
        else:
            _show(result)


def _metric(text: str, option: str) -> Metric:
    """NAME, then kind, direction and margin in any order. Raises InvalidRequest."""
    from alphaads_pipelines.creatives.experiments.result import Better, Kind, Metric

    name, *parts = text.split(":")
    kind, better, margin = Kind.RATE, Better.HIGHER, None
    for part in parts:
        if part in list(Kind):
            kind = Kind(part)
        elif part in list(Better):
            better = Better(part)
        else:
            try:
                margin = float(part)
            except ValueError:
                raise InvalidRequest(f"{option}: {part} is neither rate, mean, higher, lower nor a number") from None
    if not name:
        raise InvalidRequest(f"{option}: must begin with the name of a column")
    return Metric(name, kind, better, margin)


def _shares(given: list[str] | None) -> dict[str, int] | None:
    if not given:
        return None
    shares = {}
    for text in given:
        arm, _, share = text.rpartition("=")
        if not (arm and share.isdecimal()):
            raise InvalidRequest("--share: must be ARM=N with a whole number")
        shares[arm] = int(share)
    return shares


def _text(file: Path) -> str:
    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return raw.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"line {raw.count(bytes([10]), 0, error.start) + 1}: is no UTF-8") from None
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None


def _show(result: Result) -> None:
    from alphaads_pipelines.creatives.experiments.page import effect_text, interval_text

    table = Table("arm", "metric", box=None, pad_edge=False)
    for name in ("effect", f"{100 * result.confidence:.4g} % interval", "p"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for each in result.comparisons:
        numbers = (effect_text(each.effect, each.kind), interval_text(each), f"{each.p_value:.3g}")
        table.add_row(escape(each.arm), escape(each.metric), *numbers, each.verdict)
    out.print(table)
    split = "as planned" if result.sample_ratio.is_passed else "NOT as planned"
    out.print(f"{result.units:,} units, split {split} (p = {result.sample_ratio.p_value:.2g})")
    out.print(" ".join(filter(None, (result.decision.action, result.decision.arm))), style="bold", markup=False)
    for reason in result.decision.reasons:
        out.print(f"  {reason}", markup=False, soft_wrap=True)
