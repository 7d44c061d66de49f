"""`alphaads policy`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.table import Table

from alphaads_pipelines.cli.audit_record import actor
from alphaads_pipelines.cli.console import FAILED, emit, err, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from alphaads_pipelines.bandits.candidate_evaluation import CandidateReport, EvaluatedCandidate
    from alphaads_pipelines.bandits.policy_roles import Roles

app = typer.Typer(
    help="Evaluate policies and assign their roles; changes apply from the next decision.",
    no_args_is_help=True,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A policy, as `list` shows them.", show_default=False)]
OptionalName = Annotated[str | None, typer.Argument(metavar="NAME", help="A policy, as `list` shows them.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="NAME...", help="Policies; none: end shadowing.")]
Share = Annotated[float, typer.Option("--share", help="Share of decisions: above 0, at most 0.5.")]
End = Annotated[bool, typer.Option("--end", help="End the canary.")]
Version = Annotated[int | None, typer.Option("--version", help="Evaluate this version; default: see above.")]
Report = Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write a page with plots: FILE.html.")]
_SHOWN_CHANGES = 10


@app.command("list")
def list_policies(as_json: JsonOutput = False) -> None:
    """List the policies with role, newest version and training time; and the last changes."""
    from alphaads_pipelines.bandits.policy_roles import document_of
    from alphaads_pipelines.bandits.policy_store import read_roles, versions_of
    from alphaads_pipelines.bandits.registry import POLICIES
    from alphaads_pipelines.stores.sql.relational import reading

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        _, roles = read_roles(wiring.engine)
        with reading(wiring.engine) as connection:
            newest = {name: next(iter(versions_of(connection, name)), (0, None)) for name in POLICIES}
    if as_json:
        known = {name: {"version": number, "taught_at": at} for name, (number, at) in newest.items()}
        emit({"roles": document_of(roles), "policies": known})
        return
    table = Table("policy", "part", "version", "taught at", box=None, pad_edge=False)
    for name, (number, at) in newest.items():
        when = "never" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"
        table.add_row(name, _part(roles, name), str(number) if number else "", when)
    out.print(table)
    for change in roles.history[-_SHOWN_CHANGES:]:
        out.print(f"{change.at[:19]}  {change.what}  ({change.by})", style="dim", markup=False, soft_wrap=True)


@app.command()
def evaluate(name: Name, version: Version = None, report: Report = None, as_json: JsonOutput = False) -> None:
    """Evaluate a policy against the serving one, off-policy, on the serving one's decisions.

    It evaluates a version trained before these decisions, because training data would flatter it: the newest that
    leaves 20,000 of them, or half of them. Exit code 1 unless the policy is shown to be better.
    """
    from alphaads_pipelines.bandits.candidate_evaluation import evaluate_candidate
    from alphaads_pipelines.bandits.policy_roles import check_name

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        judged = evaluate_candidate(wiring.engine, check_name(name), datetime.now(UTC), version=version)
        if report is not None:
            _write_report(judged, report)
    if as_json:
        emit({**_as_json(judged.report), "is_better": judged.report.is_better})
    else:
        _show(judged.report)
    if not judged.report.is_better:
        raise typer.Exit(FAILED)


@app.command()
def promote(name: Name, as_json: JsonOutput = False) -> None:
    """Make a policy serve if `evaluate` shows it to be better; otherwise print the figures and exit with 1."""
    from alphaads_pipelines.bandits.candidate_evaluation import promote
    from alphaads_pipelines.bandits.policy_roles import check_name

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        judgement, roles = promote(wiring.engine, check_name(name), actor(), datetime.now(UTC))
    if as_json:
        emit({"serving": roles.serving.policy, "judgement": _as_json(judgement)})
    else:
        _show(judgement)
        out.print(f"{roles.serving.policy} serves from the next answer on")


@app.command()
def canary(name: OptionalName = None, share: Share = 0.05, end: End = False, as_json: JsonOutput = False) -> None:
    """Route a share of the decisions to a policy, always for the same people, to measure its reward."""
    from alphaads_pipelines.bandits.policy_roles import Canary, check_name

    with exit_codes():
        if (name is None) != end:
            raise InvalidRequest("NAME: give a policy, or --end")
        tried = None if name is None else Canary(check_name(name), share)
        _change(lambda roles: roles.set_canary(tried, actor(), datetime.now(UTC), {}), as_json=as_json)


@app.command()
def shadow(names: Names = None, as_json: JsonOutput = False) -> None:
    """Run policies in shadow: their choices are recorded at each decision, but not shown."""
    from alphaads_pipelines.bandits.policy_roles import check_name

    with exit_codes():
        watching = tuple(check_name(name) for name in names or ())
        _change(lambda roles: roles.set_shadows(watching, actor(), datetime.now(UTC)), as_json=as_json)


@app.command()
def rollback(as_json: JsonOutput = False) -> None:
    """Restore the previous serving policy and end any canary, without evaluation; repeat to undo."""
    with exit_codes():
        _change(lambda roles: roles.roll_back(actor(), datetime.now(UTC)), as_json=as_json)


def _change(change: Callable[[Roles], Roles], *, as_json: bool) -> None:
    from alphaads_pipelines.bandits.policy_roles import document_of
    from alphaads_pipelines.bandits.policy_store import change_roles

    with wired(load_settings(quiet=True)) as wiring:
        roles = change_roles(wiring.engine, change, datetime.now(UTC))
    if as_json:
        emit(document_of(roles))
        return
    out.print(f"{roles.history[-1].what}: done, from the next answer on", markup=False)
    for name in roles.names:
        out.print(f"  {name}: {_part(roles, name)}", markup=False)


def _part(roles: Roles, name: str) -> str:
    parts = []
    if roles.serving.policy == name:
        parts.append("serves" if roles.serving.version is None else f"serves version {roles.serving.version}")
    if roles.canary is not None and roles.canary.policy == name:
        parts.append(f"canary, share {roles.canary.share:g}")
    if name in roles.shadow:
        parts.append("shadow")
    if roles.previous is not None and roles.previous.policy == name:
        parts.append("served before")
    return ", ".join(parts)


def _as_json(judgement: CandidateReport) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(judgement)
    return told


def _write_report(judged: EvaluatedCandidate, report: Path) -> None:
    """Raises InvalidRequest if there is nothing to draw."""
    from alphaads_pipelines.bandits.ope.report import page

    told = judged.report
    if told.evaluation is None:
        raise InvalidRequest(f"--report: there is nothing to draw: {'; '.join(told.reasons)}")
    name = f"{told.policy} as of version {told.version}"
    report.write_text(
        page(told.evaluation, judged.weights, log=f"decisions of {told.incumbent}", policy=name), encoding="utf-8"
    )


def _show(judgement: CandidateReport) -> None:
    version = f"version {judgement.version}" if judgement.version else "never taught"
    out.print(f"{judgement.policy} ({version}) on {judgement.records:,} decisions of {judgement.incumbent}")
    table = Table("estimator", box=None, pad_edge=False)
    for name in ("value", "low", "high"):
        table.add_column(name, justify="right")
    if (found := judgement.evaluation) is not None:
        for name, each in {judgement.incumbent: found.diagnostics.on_policy, **found.estimates}.items():
            table.add_row(name, *(f"{number:.5f}" for number in (each.value, each.low, each.high)))
        out.print(table)
        err.print(f"worth {found.effective_samples:,.0f} decisions of its own", style="dim")
    for reason in judgement.reasons:
        err.print(f"[yellow]not better:[/yellow] {reason}", soft_wrap=True)
