"""`alphaads erase`."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.errors import Erased, InvalidRequest
from alphaads_pipelines.telemetry import new_correlation_id
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from alphaads_pipelines.rights.requests import RightsRequest

Subject = Annotated[str | None, typer.Argument(metavar="SUBJECT", help="A subject id, or platform:author_id.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation; erasure is irreversible.")]
AllLinked = Annotated[bool, typer.Option("--all-linked", help="Also erase every linked subject.")]
Resume = Annotated[bool, typer.Option("--resume", help="Finish every interrupted erasure.")]
Receipt = Annotated[Path | None, typer.Option("--verify-receipt", metavar="FILE", help="Verify a receipt's signature.")]


def run(
    subject: Subject = None,
    yes: Yes = False,
    all_linked: AllLinked = False,
    resume: Resume = False,
    verify_receipt: Receipt = None,
    as_json: JsonOutput = False,
) -> None:
    """Erase SUBJECT: destroy their keys at once, then delete the sealed data, store by store.

    The receipt is signed and kept with the request; --json prints it. --resume, or the job `erasures` within minutes,
    finishes an interrupted erasure.
    """
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        if sum((subject is not None, resume, verify_receipt is not None)) != 1:
            raise InvalidRequest("give a SUBJECT, or --resume, or --verify-receipt FILE")
        if verify_receipt is not None:
            _verify(wiring, verify_receipt, as_json=as_json)
        elif resume:
            _tell(_carry_on(wiring, wiring.rights.erasure.pending(), quiet=as_json), [], as_json=as_json)
        elif subject is not None:
            _erase(wiring, subject, yes=yes, all_linked=all_linked, as_json=as_json)


def _erase(wiring: Wiring, text: str, *, yes: bool, all_linked: bool, as_json: bool) -> None:
    from alphaads_pipelines.stores.sql.relational import reading
    from alphaads_pipelines.stores.subjects.links import linked_to
    from alphaads_pipelines.stores.subjects.subjects import resolve_subject

    try:
        subject_id = resolve_subject(wiring.engine, wiring.pseudonyms, text)
    except Erased:
        err.print("this person was erased before; --resume finishes what is not complete")
        _tell([], [], as_json=as_json)
        return
    with reading(wiring.engine) as connection:
        others = linked_to(connection, subject_id)
    subjects = [subject_id, *(others if all_linked else [])]
    if not yes:
        typer.confirm(f"Erase {len(subjects)} subject(s) for good?", abort=True, err=True)
    correlation_id = new_correlation_id()
    about = {"action": "subject.erase", "purpose": "rights", "correlation_id": correlation_id}
    record(wiring, "erase", subjects=subjects, **about)
    begun = [wiring.rights.erasure.begin(each, correlation_id) for each in subjects]
    err.print(f"keys of {len(begun)} subject(s) are destroyed; what they sealed is being deleted")
    _tell(_carry_on(wiring, begun, quiet=as_json), [] if all_linked else others, as_json=as_json)


def _carry_on(wiring: Wiring, requests: list[RightsRequest], *, quiet: bool) -> list[RightsRequest]:
    done = []
    for request in requests:
        with progress(disable=quiet) as display:
            task = display.add_task("erasing", total=len(wiring.rights.erasure.steps))

            def report(step: str, number: int, _steps: int, where: str, *, show: Any = display, at: Any = task) -> None:
                show.update(at, completed=number - 1, description=f"{step}: {where}"[:40])

            _await_lease(request)
            done.append(wiring.rights.erasure.resume(request.request_id, report))
            display.update(task, completed=len(wiring.rights.erasure.steps), description="erased")
    return done


def _await_lease(request: RightsRequest) -> None:
    """Wait for the lease to expire: its holder may have been killed."""
    if request.lease_until is not None and (left := (request.lease_until - datetime.now(UTC)).total_seconds()) > 0:
        err.print(f"request {request.request_id}: another process holds it, or died; waiting up to {left:.0f} s")
        time.sleep(left)


def _tell(done: list[RightsRequest], others: list[str], *, as_json: bool) -> None:
    if as_json:
        receipts = [{"request_id": each.request_id, "state": each.state, "receipt": each.receipt} for each in done]
        emit({"erased": receipts, "linked_left": others})
        return
    for each in done:
        out.print(f"request {each.request_id}: {each.state}")
        for store, checked in (each.receipt or {}).get("checked", {}).items():
            out.print(f"  {store}: found {checked['found']}; {checked['statement']}".rstrip("; "), soft_wrap=True)
    if others:
        out.print(f"linked to it, and not erased: {', '.join(others)}; --all-linked erases them, too", soft_wrap=True)


def _verify(wiring: Wiring, file: Path, *, as_json: bool) -> None:
    from alphaads_pipelines.rights.erasure.receipts import parse_receipt

    try:
        receipt = parse_receipt(file.read_bytes())
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read: {error.strerror}") from None
    wiring.rights.receipt_signer.verify(receipt)
    shown = {name: receipt[name] for name in ("request_id", "requested_at", "completed_at")}
    if as_json:
        emit({"valid": True, **shown})
    else:
        out.print(f"the receipt of request {shown['request_id']} is as it was signed at {shown['completed_at']}")
