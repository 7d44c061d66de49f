"""Due run requests, polled by the sensors of posts and ads; independent of Dagster.

Waits for new posts while idle; polls the ledger while a batch is active, because a commit frees partitions; polls for
unlearned decisions and events.
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
"""Poll interval while a batch is planned or running."""

ADS_POLL_S = 0.25
"""Poll interval for decisions and events."""

IDLE_LOOK_S = 1.0
"""Length of a wait for posts; each advances the time up to which everything is published."""


def next_requests(
    stream: Stream,
    ledger: Ledger,
    topic: str,
    *,
    wait_s: float,
    is_pending: Callable[[Batch], bool],
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> list[Batch]:
    """Plan, and wait up to `wait_s` seconds for due attempts; returns them, marked as requested.

    Parameters
    ----------
    is_pending: whether an attempt's run is pending in Dagster.

    Raises
    ------
    StreamUnavailable, StoreUnavailable: nothing was marked.
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
    """Plan the next attempt after a run failed outside its steps; whether the attempt was the latest.

    A run that never started does not count against its batch.
    """
    from alphaads_pipelines.ingest.batches import parse_batch_id

    batch = ledger.get(parse_batch_id(batch_id))
    if batch.attempt != attempt or batch.state not in ("planned", "running"):
        return False
    ledger.fail(batch, "run_failed" if started else "interrupted", datetime.now(UTC))
    return True


def ads_due(stream: Stream, engine: Engine, topics: Sequence[str], *, wait_s: float) -> str | None:
    """Wait up to `wait_s` seconds for records to learn or reservations to release; a token of that state.

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
