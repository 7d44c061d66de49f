"""`alphaads backfill`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from alphaads_pipelines.cli.console import emit, exit_codes, load_settings, out
from alphaads_pipelines.cli.options import JsonOutput, LogJson
from alphaads_pipelines.wiring.app import wired

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
From = Annotated[datetime, typer.Option("--from", formats=_FORMATS, help="First time of posts (UTC).")]
To = Annotated[datetime, typer.Option("--to", formats=_FORMATS, help="One past the last time (UTC).")]
Asset = Annotated[str, typer.Option("--asset", help="Where to begin: post_scores scores again what the lake holds.")]


def run(
    from_: From, to: To, asset: Asset = "raw_posts", as_json: JsonOutput = False, log_json: LogJson = False
) -> None:
    """Replay every batch with a post created between --from and --to; the daemon runs it if one is alive."""
    with exit_codes(), wired(load_settings(log_json=log_json, quiet=True)) as wiring:
        from alphaads_pipelines.runtime.backfill import backfill

        done = backfill(wiring, from_.replace(tzinfo=UTC), to.replace(tzinfo=UTC), first_asset=asset)
        if as_json:
            emit({"backfill": done.backfill_id, "hours": done.hours, "batches": done.batches, "done": done.is_done})
        elif done.backfill_id is None:
            out.print("nothing was posted in that time: no backfill is needed")
        else:
            how = "is done" if done.is_done else "was handed to the daemon; the Dagster UI shows its runs"
            out.print(f"backfill {done.backfill_id} of {done.batches} batches in {len(done.hours)} hours {how}")
