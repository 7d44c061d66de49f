"""Posts taken in and batches planned, as intake and the sensor do it, for tests of what runs them."""

from __future__ import annotations

from datetime import datetime

from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.pipeline.requests import next_requests
from alphaads_pipelines.telemetry import new_correlation_id
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.posts import synthetic_posts

POSTS = 120


def take_in(wiring: Wiring, posts: int = POSTS, *, seed: int = 1, authors: int = 80, broken: int = 0) -> str:
    """Synthetic posts, and some that name their author but have no text; the correlation id of their intake.

    Enough authors that every partition gets records, for subject ids are random (a miss: four in ten thousand million).
    """
    payloads = list(synthetic_posts(posts + broken, seed=seed, authors=authors, span_days=0.2))
    for payload in payloads[posts:]:
        payload["text"] = None
    correlation_id = new_correlation_id()
    wiring.intake.take("generic", payloads, correlation_id)
    return correlation_id


def due(wiring: Wiring) -> list[Batch]:
    """Attempts that are due now, marked as requested."""
    topic = wiring.topics.posts
    return next_requests(wiring.stream, wiring.ledger, topic, wait_s=0, is_pending=lambda batch: False)


def plan(wiring: Wiring, at: datetime) -> list[Batch]:
    """Plan what waits in the stream as if it were `at`."""
    return wiring.ledger.plan(wiring.stream.end_offsets(wiring.topics.posts), at)
