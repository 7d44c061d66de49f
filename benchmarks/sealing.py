"""`bench sealing`: the cost of sealing from intake to published, against the same code without it.

Both run alternately in fresh installations, without Dagster and waiting, which could hide a cost.
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
    """Report medians; `sealing_cost_ratio` is the lost share of unsealed throughput."""
    payloads = list(synthetic_posts(posts, seed=7, authors=authors))
    seconds: dict[str, list[float]] = {"sealed": [], "unsealed": []}
    for number in range(rounds + 1):
        for name, kind in (("sealed", Wiring), ("unsealed", OpenWiring)):
            spent = _round(kind, payloads, tier)
            if number:  # round 0 warms up
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
    """Run due batches until the backlog is published."""
    topic = wiring.topics.posts
    while wiring.ledger.backlog(wiring.stream.end_offsets(topic)):
        for batch in next_requests(wiring.stream, wiring.ledger, topic, wait_s=0, is_pending=lambda _: False):
            with BatchRun(wiring, Requested(batch.seq, batch.attempt), "bench") as attempt:
                for stage in STAGES:
                    attempt.step(stage, ())
