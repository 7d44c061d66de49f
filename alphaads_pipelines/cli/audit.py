"""`alphaads audit`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import FAILED, emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from alphaads_pipelines.audit.chain_verification import Problem

app = typer.Typer(help="Verify the audit log and list accesses to personal data.", no_args_is_help=True)
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
Chain = Annotated[str, typer.Argument(metavar="CHAIN", help="The chain, as `verify` names it.")]
Subject = Annotated[str | None, typer.Option("--subject", help="Only about them: a subject id or platform:author_id.")]
Since = Annotated[datetime | None, typer.Option("--since", formats=_FORMATS, help="Not before (UTC).")]
OnlyNew = Annotated[bool, typer.Option("--new", help="Only entries since the last checkpoint.")]


@app.command()
def verify(only_new: OnlyNew = False, as_json: JsonOutput = False) -> None:
    """Verify that the log was not edited, reordered, cut off or rewritten; exit code 1 if it was."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        verdict = wiring.rights.audit_verifier.verify(only_new=only_new)
    counts = {
        "chains": verdict.chains,
        "entries": verdict.entries,
        "checkpoints": verdict.checkpoints,
        "uncovered": verdict.uncovered,
    }
    if as_json:
        emit(
            {
                "sound": not verdict.problems,
                **counts,
                "accepted": verdict.accepted,
                "problems": [_problem(each) for each in verdict.problems],
            }
        )
    else:
        _print_problems(verdict.problems)
        out.print(", ".join(f"{name} {number:,}" for name, number in counts.items()), soft_wrap=True)
        for chain in verdict.accepted:
            out.print(f"known to be broken: {chain}", soft_wrap=True)
    if verdict.problems:
        raise typer.Exit(FAILED)


@app.command()
def checkpoint(as_json: JsonOutput = False) -> None:
    """Sign the heads of all chains and remove chains older than AUDIT_RETENTION_DAYS; Dagster does so hourly."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        done = wiring.rights.audit_maintenance.checkpoint(datetime.now(UTC))
    if as_json:
        problems = [_problem(each) for each in done.problems]
        emit({"signed": done.signed, "expired": done.expired, "problems": problems})
    else:
        _print_problems(done.problems)
        out.print(f"signed {done.signed} chains, removed {done.expired} that were too old")
    if done.problems:
        raise typer.Exit(FAILED)


@app.command()
def accept(chain: Chain) -> None:
    """Accept that CHAIN is broken: `verify` lists it but no longer fails. The acceptance is recorded."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        record(wiring, "audit accept", action="audit.accept", purpose="operation")
        wiring.rights.audit_maintenance.accept(chain)
        out.print(f"{chain} is known to be broken", soft_wrap=True)


@app.command("list")
def list_entries(subject: Subject = None, since: Since = None, as_json: JsonOutput = False) -> None:
    """List accesses to personal data, oldest first; with --subject, of one person, which is recorded, too."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        rows = _rows(wiring, subject, since)
        if as_json:
            for row in rows:
                emit(row)
        else:
            _print(rows)


def _rows(wiring: Wiring, subject: str | None, since: datetime | None) -> list[dict[str, Any]]:
    since = since and since.replace(tzinfo=UTC)
    if subject is None:
        return wiring.rights.access_log.everything(since)
    from alphaads_pipelines.stores.subjects.subjects import resolve_subject

    subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, subject)
    record(wiring, "audit list", action="audit.read", purpose="rights", subjects=[subject_id])
    return wiring.rights.access_log.about(subject_id, since)


def _problem(problem: Problem) -> dict[str, str]:
    return {"kind": problem.kind, "where": problem.where, "place": problem.place}


def _print_problems(problems: Sequence[Problem]) -> None:
    for each in problems:
        out.print(f"[red]{each.kind}[/red] {each.where}: {each.place}", soft_wrap=True)


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table("at", "actor", "action", "purpose", "resource", "people", box=None, pad_edge=False)
    for row in rows:
        shown = (row["actor"], row["action"], row["purpose"], row["resource"], f"{row['people']:,}")
        table.add_row(f"{row['at']:%Y-%m-%d %H:%M:%S}", *shown)
    out.print(table)
