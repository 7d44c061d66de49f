"""`alphaads export`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import exit_codes, load_settings, out
from alphaads_pipelines.telemetry import new_correlation_id
from alphaads_pipelines.wiring.app import wired

Subject = Annotated[str, typer.Argument(help="A subject id, or platform:author_id.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the document and the page.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the document on stdout, and write no file.")]


def run(subject: Subject, output: Output = Path(), as_json: AsJson = False) -> None:
    """Export all data held on SUBJECT, into files that only you may read.

    The export is listed among the rights requests and recorded in the audit log.
    """
    from alphaads_pipelines.rights.access.export import json_chunks, recorded_export, write_export
    from alphaads_pipelines.stores.subjects.subjects import resolve_subject

    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, subject)
        correlation_id = new_correlation_id()
        about = {"action": "subject.export", "purpose": "rights", "correlation_id": correlation_id}
        record(wiring, "export", subjects=[subject_id], **about)
        with recorded_export(wiring.rights.sources, subject_id, correlation_id, datetime.now(UTC)) as export:
            if as_json:
                for chunk in json_chunks(export):
                    sys.stdout.buffer.write(chunk)
                sys.stdout.flush()
                return
            document, page, shown = write_export(export, output)
        for each in shown:
            if each.count:
                out.print(f"{each.count:>8,}  {each.store} {each.name}")
        out.print(f"written: {document} and {page}", soft_wrap=True)
