"""`alphaads link`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput, Subject
from alphaads_pipelines.wiring.app import wired

app = typer.Typer(
    help="Link a person's accounts; each must allow `linking` first (alphaads consent).", no_args_is_help=True
)
Subjects = Annotated[list[str], typer.Argument(metavar="SUBJECT...", help="Subject ids, or platform:author_id.")]


@app.command()
def add(subjects: Subjects, as_json: JsonOutput = False) -> None:
    """Treat the SUBJECTs as one person from the next decision on."""
    from alphaads_pipelines.stores.subjects.permissions import link
    from alphaads_pipelines.stores.subjects.subjects import resolve_subject

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        ids = [resolve_subject(wiring.engine, wiring.pseudonyms, each) for each in subjects]
        record(wiring, "link add", action="person.link", purpose="linking", subjects=ids)
        members = link(wiring.engine, ids, datetime.now(UTC))
    emit({"subjects": members}) if as_json else out.print(f"one person: {', '.join(members)}", soft_wrap=True)


@app.command()
def remove(subject: Subject, as_json: JsonOutput = False) -> None:
    """Unlink SUBJECT; its consents stay."""
    from alphaads_pipelines.stores.subjects.permissions import unlink
    from alphaads_pipelines.stores.subjects.subjects import resolve_subject

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, subject)
        record(wiring, "link remove", action="person.unlink", purpose="linking", subjects=[subject_id])
        was_linked = unlink(wiring.engine, subject_id)
    if as_json:
        emit({"subject_id": subject_id, "unlinked": was_linked})
    else:
        out.print(f"{subject_id} {'stands alone now' if was_linked else 'was not linked'}")
