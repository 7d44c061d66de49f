"""`alphaads batches`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from alphaads_pipelines.ingest.batches import Batch

Resume = Annotated[
    str | None,
    typer.Option("--resume-after-loss", metavar="BATCH", help="Skip offsets that retention removed, and continue."),
]
Retry = Annotated[str | None, typer.Option("--retry", metavar="BATCH", help="Try a failed batch again.")]
_COUNTS = ("read", "accepted", "rejected", "duplicates")
_WAITING_FOR_A_PERSON = frozenset({"failed", "lost"})
_COLOURS = {"committed": "green", "running": "cyan", "planned": "blue", "failed": "red", "lost": "red"}


def _row(batch: Batch) -> dict[str, Any]:
    counts = batch.counts
    return {
        "batch": batch.id,
        "kind": batch.kind,
        "state": batch.state,
        "attempt": batch.attempt,
        "hour": batch.planned_hour,
        "offsets": {f"{each.topic}[{each.partition}]": [each.start, each.end] for each in batch.ranges},
        "read": counts.read if counts else None,
        "accepted": counts.accepted if counts else None,
        "rejected": counts.rejected if counts else None,
        "duplicates": counts.duplicates if counts else None,
        "error": batch.error,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("batch", "state", "try", "hour", *_COUNTS):
        table.add_column(name, no_wrap=True, justify="right" if name in _COUNTS else "left")
    for row in rows:
        numbers = ["" if row[name] is None else f"{row[name]:,}" for name in _COUNTS]
        state = f"[{_COLOURS.get(row['state'], 'white')}]{row['state']}[/]"
        table.add_row(row["batch"], state, str(row["attempt"]), row["hour"], *numbers)
    out.print(table)
    for row in rows:
        if row["state"] in _WAITING_FOR_A_PERSON:
            offsets = ", ".join(f"{name} {start}..{end}" for name, (start, end) in row["offsets"].items())
            out.print(f"{row['batch']} {row['state']}, {row['error']}: {offsets}", soft_wrap=True)


def _act(wiring: Wiring, resume_after_loss: str | None, retry: str | None) -> None:
    from alphaads_pipelines.ingest.batches import parse_batch_id

    now = datetime.now(UTC)
    if resume_after_loss:
        lows = wiring.stream.low_offsets(wiring.topics.posts)
        batch = wiring.ledger.resume_after_loss(parse_batch_id(resume_after_loss), lows, now)
        went_on = batch.state != "given_up"
        err.print(f"{batch.id} {'goes on above the lost offsets' if went_on else 'was lost whole and is given up'}")
    if retry:
        batch = wiring.ledger.retry(parse_batch_id(retry), now)
        err.print(f"{batch.id} will be tried again")


def run(
    hour: Annotated[str | None, typer.Option(help="Only batches planned in this hour: 2026-11-24-03:00.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 20,
    resume_after_loss: Resume = None,
    retry: Retry = None,
    as_json: JsonOutput = False,
) -> None:
    """Show micro-batches, newest first; resume a lost or failed one."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        _act(wiring, resume_after_loss, retry)
        rows = [_row(batch) for batch in wiring.ledger.batches(hour=hour, limit=limit)]
        if as_json:
            emit(rows)
        else:
            _print(rows)
