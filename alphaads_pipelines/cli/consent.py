"""`alphaads consent`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput, Subject
from alphaads_pipelines.schema.tables import PURPOSES
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from alphaads_pipelines.privacy.consent import ConsentEvent

app = typer.Typer(help="Manage a person's consents; changes apply from the next decision.", no_args_is_help=True)
Purpose = Annotated[str, typer.Option("--purpose", "-p", help=f"One of {', '.join(PURPOSES)}.")]
Evidence = Annotated[str, typer.Option("--evidence", help="Reference to the consent form; it identifies no one.")]


@app.command()
def show(subject: Subject, as_json: JsonOutput = False) -> None:
    """Show the purposes that SUBJECT allows now, and their history."""
    from alphaads_pipelines.privacy.consent import current
    from alphaads_pipelines.stores.subjects.consents import consent_history
    from alphaads_pipelines.stores.subjects.subjects import resolve_subject

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, subject)
        record(wiring, "consent show", action="consent.read", purpose="rights", subjects=[subject_id])
        history = consent_history(wiring.engine, subject_id)
        allowed = sorted(purpose for purpose, event in current(history).items() if event.is_granted)
    if as_json:
        emit({"subject_id": subject_id, "allowed": allowed, "history": [_shown(each) for each in history]})
        return
    rows = Table("when", "purpose", "said", "through", "evidence", title=f"Subject {subject_id}", title_justify="left")
    for each in history:
        said = "granted" if each.is_granted else "withdrawn"
        rows.add_row(f"{each.recorded_at:%Y-%m-%d %H:%M}", each.purpose, said, each.source, each.evidence)
    out.print(rows)
    out.print(f"allowed now: {', '.join(allowed) or 'nothing'}")


@app.command()
def grant(subject: Subject, purpose: Purpose, evidence: Evidence = "cli", as_json: JsonOutput = False) -> None:
    """Record that SUBJECT allows a purpose."""
    _change(subject, purpose, evidence, granted=True, as_json=as_json)


@app.command()
def withdraw(subject: Subject, purpose: Purpose, evidence: Evidence = "cli", as_json: JsonOutput = False) -> None:
    """Record that SUBJECT does not, or no longer, allow a purpose. Withdrawing `linking` also unlinks accounts."""
    _change(subject, purpose, evidence, granted=False, as_json=as_json)


def _change(subject: str, purpose: str, evidence: str, *, granted: bool, as_json: bool) -> None:
    from alphaads_pipelines.stores.subjects.consents import record_consent
    from alphaads_pipelines.stores.subjects.subjects import resolve_subject

    verb = "grant" if granted else "withdraw"
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, subject)
        record(wiring, f"consent {verb}", action="consent.write", purpose="rights", subjects=[subject_id])
        now = datetime.now(UTC)
        event = record_consent(
            wiring.engine, subject_id, purpose, granted=granted, source="cli", evidence=evidence, now=now
        )
    if as_json:
        emit({"subject_id": subject_id, **_shown(event)})
    else:
        out.print(f"{subject_id}: {purpose} {'granted' if granted else 'withdrawn'}, from the next decision on")


def _shown(event: ConsentEvent) -> dict[str, Any]:
    return {
        "purpose": event.purpose,
        "granted": event.is_granted,
        "source": event.source,
        "evidence": event.evidence,
        "recorded_at": event.recorded_at.isoformat(),
        "change_seq": event.change_seq,
    }
