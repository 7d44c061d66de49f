"""`alphaads ope`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from alphaads_pipelines.bandits.ope import open_bandit
from alphaads_pipelines.bandits.ope.diagnostics import describe_problems
from alphaads_pipelines.bandits.ope.estimators import weigh
from alphaads_pipelines.bandits.ope.evaluation import Evaluation, evaluate
from alphaads_pipelines.bandits.ope.logs import Log
from alphaads_pipelines.bandits.ope.registry_policies import fit_policy
from alphaads_pipelines.bandits.ope.report import page
from alphaads_pipelines.bandits.registry import POLICIES
from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.errors import InvalidRequest


class Format(StrEnum):
    """The layout of a log."""

    OBD = "obd"


LogFile = Annotated[Path, typer.Option("--log", metavar="FILE", help="The log; gzip accepted.")]
LogFormat = Annotated[Format, typer.Option("--format", help="obd: the Open Bandit format, comma-separated.")]
PolicyName = Annotated[
    str,
    typer.Option("--policy", help=f"{', '.join(POLICIES)}. All but random learn from the first half of the log."),
]
Position = Annotated[int | None, typer.Option("--position", help="Only the records of this slot.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the reward model's folds and of the policy.")]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write a page with plots: FILE.html.")]


def run(
    log: LogFile,
    policy: PolicyName,
    log_format: LogFormat = Format.OBD,
    position: Position = None,
    seed: Seed = 0,
    report: Report = None,
    as_json: JsonOutput = False,
) -> None:
    """Evaluate a policy off-policy, from another policy's log, with 95 % intervals and a diagnosis of the log.

    The log is held in memory: 0.3 GB, plus 0.7 KB a record for contexts of 60 numbers. `ips` is unclipped.
    docs/learning.md describes the estimators and the problems reported.
    """
    with exit_codes():
        load_settings(quiet=True)
        whole = _at(_read(log), position)
        target, evaluated = fit_policy(policy, whole, seed)
        with progress() as display:
            task = display.add_task("weighing records", total=len(evaluated))
            weighted = weigh(evaluated, target, seed, lambda done: display.advance(task, done))
        found = evaluate(evaluated, weighted)
        if report is not None:
            report.write_text(page(found, weighted.weights, log=log.name, policy=policy), encoding="utf-8")
        if as_json:
            emit(msgspec.to_builtins(found))
        else:
            _show(found, f"{policy} on {log.name}")


def _read(path: Path) -> Log:
    with progress() as display:
        task = display.add_task("reading bytes", total=path.stat().st_size)
        return open_bandit.read(path, lambda done: display.advance(task, done))


def _at(log: Log, position: int | None) -> Log:
    if position is None:
        return log
    kept = log.positions == position
    if not kept.any():
        raise InvalidRequest("--position: the log has no record of this slot")
    return log.take(kept)


def _show(found: Evaluation, title: str) -> None:
    table = Table("estimator", title=title, title_justify="left", box=None, pad_edge=False)
    for name in ("value", "low", "high"):
        table.add_column(name, justify="right")
    for name, each in {"the log's policy": found.diagnostics.on_policy, **found.estimates}.items():
        table.add_row(name, *(f"{number:.5f}" for number in (each.value, each.low, each.high)))
    out.print(table)
    err.print(f"{found.n:,} records, worth {found.effective_samples:,.0f} of the policy's own", style="dim")
    for problem in describe_problems(found.diagnostics):
        err.print(f"[yellow]problem:[/yellow] {problem}", soft_wrap=True)
