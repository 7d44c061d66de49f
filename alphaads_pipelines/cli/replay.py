"""`alphaads replay`, for example after a parser fix."""

from __future__ import annotations

from typing import Annotated

import typer

from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import JsonOutput, LogJson
from alphaads_pipelines.errors import InvalidRequest

Batches = Annotated[list[str] | None, typer.Argument(help="Batch ids, such as b000000042.", metavar="BATCH...")]
Rejected = Annotated[bool, typer.Option("--rejected", help="Every batch with rejected posts.")]


def run(
    batch: Batches = None, rejected: Rejected = False, as_json: JsonOutput = False, log_json: LogJson = False
) -> None:
    """Rerun committed batches: the same offsets, from the stream or, past its retention, from the lake."""
    with exit_codes():
        settings = load_settings(log_json=log_json, quiet=True)
        if bool(batch) == rejected:
            raise InvalidRequest("name the batches to replay, or give --rejected")
        from alphaads_pipelines.runtime.replays import replay_batches

        with progress() as display:
            summary = replay_batches(settings, batch or None, display)
        if as_json:
            emit(summary)
        else:
            out.print(
                f"replayed {summary['batches']} batches: {summary['accepted']} accepted, "
                f"{summary['rejected']} rejected, {summary['duplicates']} duplicates"
            )
