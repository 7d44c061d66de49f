"""`bench sealing`: what sealing costs from intake to published, against the same code that seals nothing.

Both kinds of installation take in and publish the same posts by turns, in this process, with nothing around the steps
of a batch: no Dagster and no waiting, in which a cost could hide. Each round goes to fresh installations.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from alphaads_pipelines.pipeline.batch_run import BatchRun, Requested
from alphaads_pipelines.pipeline.requests import next_requests
from alphaads_pipelines.pipeline.stages import STAGES
from alphaads_pipelines.platforms.base import Payload
from alphaads_pipelines.telemetry import new_correlation_id
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.live import live_settings
from benchmarks.posts import synthetic_posts
from benchmarks.unsealed import OpenWiring

_IN_ONE_CALL = 2_000


def run(posts: int = 40_000, authors: int = 4_000, rounds: int = 5, tier: str = "lexicon") -> dict[str, Any]:
    """Medians of `rounds` rounds; `sealing_cost_ratio` is the share of the unsealed throughput that is lost."""
    payloads = list(synthetic_posts(posts, seed=7, authors=authors))
    seconds: dict[str, list[float]] = {"sealed": [], "unsealed": []}
    for number in range(rounds + 1):
        for name, kind in (("sealed", Wiring), ("unsealed", OpenWiring)):
            spent = _round(kind, payloads, tier)
            if number:  # the first round loads models and code
                seconds[name].append(spent)
    sealed, unsealed = (posts / statistics.median(seconds[name]) for name in ("sealed", "unsealed"))
    return {
        "bench": "sealing",
        "posts": posts,
        "authors": authors,
        "rounds": rounds,
        "tier": tier,
        "sealed_posts_per_second": round(sealed),
        "unsealed_posts_per_second": round(unsealed),
        "sealing_cost_ratio": round(1 - sealed / unsealed, 3),
        "limit": 0.3,
    }


def _round(kind: type[Wiring], payloads: list[Payload], tier: str) -> float:
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        settings = live_settings(Path(folder) / "home", scorer_tier=tier)
        with wired(settings, kind) as wiring:
            _ = wiring.engine, wiring.stream, wiring.scorer
            started = time.perf_counter()
            for start in range(0, len(payloads), _IN_ONE_CALL):
                wiring.intake.take("generic", payloads[start : start + _IN_ONE_CALL], new_correlation_id())
            publish_all(wiring)
            return time.perf_counter() - started


def publish_all(wiring: Wiring) -> None:
    """Run every batch that is due until all that was taken in is published."""
    topic = wiring.topics.posts
    while wiring.ledger.backlog(wiring.stream.end_offsets(topic)):
        for batch in next_requests(wiring.stream, wiring.ledger, topic, wait_s=0, is_pending=lambda _: False):
            with BatchRun(wiring, Requested(batch.seq, batch.attempt), "bench") as attempt:
                for stage in STAGES:
                    attempt.step(stage, ())
