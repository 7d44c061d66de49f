"""`alphaads demo`: the whole pipeline without a server."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import typer
from rich.panel import Panel
from rich.progress import Progress
from rich.table import Table

from alphaads_pipelines.cli.console import FAILED, emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.demo_person import busiest_subject
from alphaads_pipelines.cli.demo_posts import recent_samples
from alphaads_pipelines.cli.ingest import ingest_file
from alphaads_pipelines.cli.options import JsonOutput, LogJson
from alphaads_pipelines.errors import InvalidRequest, StoreUnavailable
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.telemetry import correlation, new_correlation_id
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from alphaads_pipelines.runtime.in_process import Summary

Inputs = Annotated[
    list[Path] | None,
    typer.Option("--input", "-i", metavar="FILE...", help="JSON lines, gzip accepted; one or more."),
]
# Shells expand `--input *.jsonl` to one option value and further arguments.
MoreInputs = Annotated[list[Path] | None, typer.Argument(hidden=True, metavar="")]
PlatformOption = Annotated[str, typer.Option("--platform", "-p", help="Network of the --input payloads: x, generic.")]


def _take_in(wiring: Wiring, files: Sequence[Path], platform: str, display: Progress) -> tuple[int, int]:
    from alphaads_pipelines.ingest.files import PayloadFile

    sources = [PayloadFile(path) for path in files]  # fail on a missing file before ingesting any
    correlation_id = new_correlation_id()
    with correlation(correlation_id):
        results = [ingest_file(wiring, source, platform, correlation_id, display) for source in sources]
    return sum(each.read for each in results), sum(each.produced for each in results)


def _run_batches(wiring: Wiring, display: Progress) -> Summary:
    from alphaads_pipelines.runtime.in_process import in_process, run_until_idle

    ends = wiring.stream.end_offsets(wiring.topics.posts)
    task = display.add_task("micro-batches through Dagster", total=wiring.ledger.backlog(ends))

    def advance(batch: Any) -> None:
        display.advance(task, batch.counts.read)

    summary = run_until_idle(wiring, advance)
    advertising = display.add_task("creatives and policy", total=1)
    with in_process(wiring) as jobs:
        jobs.advertising()
    display.advance(advertising)
    return summary


def _consent(wiring: Wiring, subject_id: str) -> None:
    """Record the consent of a synthetic account; consent of real people is never invented."""
    from alphaads_pipelines.cli.audit_record import record
    from alphaads_pipelines.decisions.permissions import PURPOSE
    from alphaads_pipelines.stores.subjects.consents import record_consent

    record(wiring, "demo", action="consent.write", purpose="rights", subjects=[subject_id])
    now = datetime.now(UTC)
    record_consent(
        wiring.engine, subject_id, PURPOSE, granted=True, source="cli", evidence="synthetic-account", now=now
    )
    err.print("consent to personalised ads is granted for one SYNTHETIC account: without consent none are", style="dim")


def _decide(wiring: Wiring, subject_id: str | None) -> dict[str, Any]:
    """Make one decision through the API's code, in this process."""
    answer = asyncio.run(_ask(wiring, subject_id))
    if not answer.is_success:
        raise StoreUnavailable(f"no decision was made: {answer.json()['error']['message']}")
    decision: dict[str, Any] = answer.json()
    return decision


async def _ask(wiring: Wiring, subject_id: str | None) -> httpx.Response:
    from api.app import create_app
    from api.credentials import issue_token

    secret = wiring.settings.secret_key.get_secret_value()
    token = issue_token(secret, subject="demo", tenant="demo", scopes=["decisions:write"])
    app = create_app(wiring)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport) as client:
        app.state.reader.refresh()
        headers = {"Authorization": f"Bearer {token}"}
        return await client.post("http://localhost/api/v1/decisions", json={"subject_id": subject_id}, headers=headers)


def _row_counts(wiring: Wiring) -> dict[str, int]:
    import polars as pl

    return {table.name: int(wiring.lake.scan(table).select(pl.len()).collect().item()) for table in LAKE_TABLES}


def _show(answer: dict[str, Any], wiring: Wiring) -> None:
    flow = Table("what went in and out", "posts", title="Intake", title_justify="left")
    for name in ("read", "produced", "accepted", "rejected", "duplicates"):
        flow.add_row(name, f"{answer[name]:,}")
    rows = Table("table", "rows", title="Lake", title_justify="left")
    for name, count in answer["rows"].items():
        rows.add_row(name, f"{count:,}")
    out.print(flow, rows)
    decision = answer["decision"]
    creative = decision["creative"]
    out.print(
        Panel(
            f"[bold]{creative['headline']}[/]\n{creative['body']}\n[dim]{creative['call_to_action']}[/]\n\n"
            f"{decision['reason']}\nsnapshot {decision['version']}, data age {decision['data_age_s']:.1f} s",
            title="One served decision",
            title_align="left",
        )
    )
    if decision["personalisation"] == "no_consent":
        out.print(
            "A person's consent is recorded by [bold]alphaads consent grant SUBJECT --purpose personalised_ads[/]"
        )
    out.print("Next:  [bold]alphaads up[/] runs everything live (API, metrics, Dagster UI)")
    out.print("       [bold]alphaads batches[/] shows what was planned, and what became of it")
    out.print("       [bold]alphaads doctor[/] checks this installation")
    out.print(f"       the Delta tables lie in {wiring.settings.lake_path}", soft_wrap=True)


@contextmanager
def _files(inputs: list[Path] | None, more: list[Path] | None) -> Iterator[list[Path]]:
    """Raises InvalidRequest for files without --input."""
    if inputs:
        yield [*inputs, *(more or [])]
    elif more:
        raise InvalidRequest("files are given after --input")
    else:
        err.print("no --input: using the SYNTHETIC sample posts that come with this project", style="dim")
        with tempfile.TemporaryDirectory(prefix="alphaads-demo-") as folder:
            yield recent_samples(Path(folder), datetime.now(UTC).date())


def run(
    inputs: Inputs = None,
    more: MoreInputs = None,
    platform: PlatformOption = "generic",
    as_json: JsonOutput = False,
    log_json: LogJson = False,
) -> None:
    """Ingest posts (synthetic samples, or --input FILES), run every asset and serve one decision."""
    with exit_codes(), wired(load_settings(log_json=log_json, quiet=True)) as wiring:
        with _files(inputs, more) as files, progress() as display:
            read, produced = _take_in(wiring, files, platform, display)
            summary = _run_batches(wiring, display)
        if summary.waiting:  # warn first: it may be why no decision can be made
            err.print(f"[red]batches wait for a person:[/] {', '.join(summary.waiting)}; see `alphaads batches`")
        subject_id = busiest_subject(wiring, datetime.now(UTC))
        if subject_id is not None and not inputs:
            _consent(wiring, subject_id)
        answer = {
            "read": read,
            "produced": produced,
            "accepted": summary.accepted,
            "rejected": summary.rejected,
            "duplicates": summary.duplicates,
            "batches": summary.batches,
            "waiting": summary.waiting,
            "rows": _row_counts(wiring),
            "decision": _decide(wiring, subject_id),
        }
        emit(answer) if as_json else _show(answer, wiring)
        if summary.waiting:
            raise typer.Exit(FAILED)
