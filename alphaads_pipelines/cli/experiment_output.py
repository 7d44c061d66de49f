"""Options and output of experiment results, whether from decisions or from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from alphaads_pipelines.cli.console import out

if TYPE_CHECKING:
    from alphaads_pipelines.experiments.result import Plan, Result

GuardRails = Annotated[
    list[str] | None,
    typer.Option(
        "--guard-rail",
        help="NAME[:rate|mean][:higher|lower]:MARGIN: a column that may not get worse by more than MARGIN, a share of "
        "control's rate (0.05: a twentieth) or a difference of means. May be repeated.",
    ),
]
Alpha = Annotated[float, typer.Option(help="False positive rate over all looks and arms.")]
Planned = Annotated[int, typer.Option("--planned-units", help="Units after which an arm without effect stops.")]
Report = Annotated[Path | None, typer.Option("--report", help="Also write an HTML page with intervals and a chart.")]


def plan_of(goal: str, guard_rails: list[str] | None, alpha: float, planned_units: int) -> Plan:
    """Build the plan from the options. Raises InvalidRequest."""
    from alphaads_pipelines.experiments.result import Plan, metric_of

    rails = tuple(metric_of(each, "--guard-rail") for each in guard_rails or ())
    return Plan(metric_of(goal, "--goal"), rails, alpha, planned_units)


def show_result(result: Result) -> None:
    """Print a table of the comparisons, and the recommendation."""
    from alphaads_pipelines.experiments.page import effect_text, interval_text

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
