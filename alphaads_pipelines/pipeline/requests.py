"""What must be requested now: what the sensors of posts and of ads ask in every tick, without Dagster.

The wait is inside: for new posts while nothing runs, for the ledger while something does, because a commit frees the
partitions that the next batch needs; for decisions and events that nobody learned from yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alphaads_pipelines.ingest.batches import Batch
    from alphaads_pipelines.ingest.ledger import Ledger
    from alphaads_pipelines.streams.base import Stream

LEDGER_POLL_S = 0.1
"""How often the ledger is asked while a batch is planned or running."""

ADS_POLL_S = 0.25
"""How often the streams of decisions and events are looked at."""

IDLE_LOOK_S = 1.0
"""How long one wait for posts is; each moves the time up to which everything is known to be published."""


def next_requests(
    stream: Stream,
    ledger: Ledger,
    topic: str,
    *,
    wait_s: float,
    is_pending: Callable[[Batch], bool],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Batch]:
    """Plan, and wait up to `wait_s` seconds until runs must be requested; those attempts, marked as requested.

    Parameters
    ----------
    is_pending: whether the run requested for an attempt still waits in Dagster.

    Raises
    ------
    StreamUnavailable, StoreUnavailable: nothing moved.
    """
    deadline = time.monotonic() + wait_s
    noted = 0.0
    while True:
        now, ends = clock(), stream.end_offsets(topic)
        ledger.plan(ends, now)
        if due := ledger.due(now, is_pending):
            for batch in due:
                ledger.mark_requested(batch, now)
            return due
        if time.monotonic() - noted >= IDLE_LOOK_S:
            ledger.note_idle(ends, now)
            noted = time.monotonic()
        left = deadline - time.monotonic()
        if left <= 0:
            return []
        if ledger.batches(state="running", limit=1) or ledger.batches(state="planned", limit=1):
            time.sleep(min(LEDGER_POLL_S, left))
        else:
            stream.wait_beyond(topic, ends, min(IDLE_LOOK_S, left))


def end_attempt(ledger: Ledger, batch_id: str, attempt: int, *, started: bool) -> bool:
    """The run of an attempt failed outside its steps: plan the next one now; whether the attempt was still the latest.

    A run that never started says nothing against its batch.
    """
    from alphaads_pipelines.ingest.batches import parse_batch_id

    batch = ledger.get(parse_batch_id(batch_id))
    if batch.attempt != attempt or batch.state not in ("planned", "running"):
        return False
    ledger.fail(batch, "run_failed" if started else "interrupted", datetime.now(UTC))
    return True


def ads_due(stream: Stream, engine: Engine, topics: Sequence[str], *, wait_s: float) -> str | None:
    """Wait up to `wait_s` seconds until there is something to learn from, or to give back; what names that state.

    Parameters
    ----------
    topics: of decisions and of events.

    Raises
    ------
    StreamUnavailable, StoreUnavailable.
    """
    from alphaads_pipelines.decisions.budget.settlement import is_any_due
    from alphaads_pipelines.pipeline.learning import LEARNER
    from alphaads_pipelines.stores.sql.documents import read_document

    deadline = time.monotonic() + wait_s
    while True:
        version, held = read_document(engine, LEARNER)
        offsets = held.get("offsets", {})
        ends = {topic: stream.end_offsets(topic) for topic in topics}
        news = sum(end - offsets.get(topic, {}).get(str(at), 0) for topic in topics for at, end in ends[topic].items())
        if news > 0:
            return f"{version}-{news}"
        if is_any_due(engine, datetime.now(UTC)):
            return "held"
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        time.sleep(min(ADS_POLL_S, left))
