"""Replay single batches in this process, by id or all with rejects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.ingest.batches import parse_batch_id
from alphaads_pipelines.pipeline.batch_run import plan_replay
from alphaads_pipelines.runtime.in_process import Summary, in_process
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from rich.progress import Progress

    from alphaads_pipelines.settings import Settings

_ALL = 1_000_000


def replay_batches(settings: Settings, batches: Iterable[str] | None, display: Progress) -> dict[str, int]:
    """Replay committed batches, oldest first; None: every batch with rejected posts.

    Raises
    ------
    NotFound, InvalidRequest: a batch is unknown, or needs manual action. WriteConflict: it stayed busy.
    StoreUnavailable: a replay failed; the ledger retries it, and its run shows the cause.
    """
    with wired(settings) as wiring:
        seqs = with_rejects(wiring) if batches is None else sorted(parse_batch_id(each) for each in batches)
        for seq in seqs:
            wiring.ledger.get(seq)  # refuse an unknown batch before any runs
        summary = _replay(wiring, seqs, display)
    return {
        "batches": len(summary.batches),
        "accepted": summary.accepted,
        "rejected": summary.rejected,
        "duplicates": summary.duplicates,
    }


def with_rejects(wiring: Wiring) -> list[int]:
    """Committed batches with rejects, oldest first."""
    committed = wiring.ledger.batches(state="committed", limit=_ALL)
    return sorted(batch.seq for batch in committed if batch.counts is not None and batch.counts.rejected)


def _replay(wiring: Wiring, seqs: list[int], display: Progress) -> Summary:
    summary = Summary()
    task = display.add_task("replaying", total=len(seqs))
    with in_process(wiring) as jobs:
        for seq in seqs:
            plan_replay(wiring, seq)
            after = jobs.batch(wiring.ledger.get(seq))
            if after.state != "committed":
                raise StoreUnavailable(f"the replay of {after.id} failed ({after.error}); it will be tried again")
            summary.add(after)
            display.advance(task)
    return summary
