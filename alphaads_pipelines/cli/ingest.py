"""`alphaads ingest`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.progress import Progress

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import InputFile, JsonOutput, LogJson, PlatformName
from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.ingest.intake import IntakeResult
from alphaads_pipelines.telemetry import correlation, new_correlation_id
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from alphaads_pipelines.ingest.files import PayloadFile


def ingest_file(
    wiring: Wiring, source: PayloadFile, platform: str, correlation_id: str, display: Progress
) -> IntakeResult:
    """Ingest a file; each batch of payloads is durable before the next is read.

    Raises
    ------
    InvalidRequest: the file is damaged or empty. StoreUnavailable: the audit log cannot be written.
    """
    record(wiring, "ingest", action="posts.take_in", purpose="intake", correlation_id=correlation_id)
    task = display.add_task(f"sealing {source.path.name}", total=source.total_bytes)
    total = IntakeResult(0, 0)
    for payloads in source:
        total += wiring.intake.take(platform, payloads, correlation_id)
        display.update(task, completed=source.bytes_read)
    display.update(task, completed=source.total_bytes)
    if not total.read:
        raise InvalidRequest(f"{source.path} holds no payloads")
    return total


def run(file: InputFile, platform: PlatformName, as_json: JsonOutput = False, log_json: LogJson = False) -> None:
    """Seal the payloads of FILE and write them to the posts stream; malformed ones are kept and rejected later."""
    from alphaads_pipelines.ingest.files import PayloadFile

    with exit_codes(), wired(load_settings(log_json=log_json, quiet=True)) as wiring, progress() as display:
        correlation_id = new_correlation_id()
        with correlation(correlation_id):
            result = ingest_file(wiring, PayloadFile(file), platform, correlation_id, display)
        answer = {**asdict(result), "correlation_id": correlation_id}
        if as_json:
            emit(answer)
        else:
            out.print(f"read {result.read} payloads, put {result.produced} sealed posts into the stream")
            if result.suppressed:
                out.print(f"dropped {result.suppressed} posts of people who were erased")
            out.print(f"correlation id {correlation_id}; `alphaads batches` shows what comes of them", soft_wrap=True)
