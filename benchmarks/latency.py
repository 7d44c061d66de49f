"""`bench latency`: seconds from intake to visible in the API, at a steady rate."""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import new_correlation_id
from alphaads_pipelines.wiring.app import Wiring, wired
from api.credentials import issue_token
from benchmarks.live import is_published, live, live_settings, wait_until
from benchmarks.posts import synthetic_posts

_LEAST_S = 0.02
_GOAL_P95_S, _FLOOR_P95_S = 3.0, 6.0


class _Watcher(threading.Thread):
    """Polls the API for each partition's oldest missing profile; batches are atomic."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        super().__init__(name="watcher")
        token = issue_token(
            settings.secret_key.get_secret_value(),
            subject="bench",
            tenant="default",
            scopes=["profiles:read"],
            minutes=60,
        )
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{settings.api_port}", headers={"Authorization": f"Bearer {token}"}
        )
        self.waiting: list[deque[tuple[str, float]]] = [deque() for _ in range(partitions)]
        self.latencies: list[float] = []
        self.stopping = threading.Event()

    def run(self) -> None:
        """Poll until `stopping` is set."""
        while not self.stopping.is_set():
            for queue in self.waiting:
                while queue and self._is_visible(queue[0][0]):
                    self.latencies.append(time.monotonic() - queue.popleft()[1])
            time.sleep(_LEAST_S)

    def _is_visible(self, subject_id: str) -> bool:
        return self._client.get(f"/api/v1/profiles/{subject_id}").status_code == httpx.codes.OK


def _produce(wiring: Wiring, watcher: _Watcher, rate: float, seconds: float) -> None:
    """Take in payloads one by one, each by a new author, whose profile appears on publication."""
    partitions = len(watcher.waiting)
    started = time.monotonic()
    for number, payload in enumerate(synthetic_posts(int(rate * seconds), seed=11, authors=1)):
        time.sleep(max(0.0, started + number / rate - time.monotonic()))
        author = f"latency-{number}"
        sent = time.monotonic()
        wiring.intake.take("generic", [{**payload, "id": author, "author_id": author}], new_correlation_id())
        [subject] = wiring.subject_keys.ensure([wiring.pseudonyms.identity("generic", author)])
        watcher.waiting[subject.shard % partitions].append((subject.subject_id, sent))


def run(seconds: float = 60.0, rate: float = 28.0, **servers: str) -> dict[str, Any]:
    """Take in `rate` posts per second for `seconds` seconds."""
    with tempfile.TemporaryDirectory(prefix="alphaads-bench-") as folder:
        settings = live_settings(Path(folder) / "home", **servers)
        with wired(settings) as wiring, live(wiring):
            watcher = _Watcher(settings, wiring.stream.partitions(wiring.topics.posts))
            watcher.start()
            try:
                _produce(wiring, watcher, rate, seconds)
                backlog = wiring.ledger.backlog(wiring.stream.end_offsets(wiring.topics.posts))
                wait_until(lambda: is_published(wiring), "publishing", 60.0)
                wait_until(lambda: not any(watcher.waiting), "visibility", 60.0)
            finally:
                watcher.stopping.set()
                watcher.join()
    return _report(settings, rate, seconds, watcher.latencies, backlog)


def _report(settings: Settings, rate: float, seconds: float, latencies: list[float], backlog: int) -> dict[str, Any]:
    cuts = quantiles(latencies, n=100, method="inclusive")
    return {
        "bench": "latency",
        "stream": settings.stream_kind,
        "posts": len(latencies),
        "posts_per_second": rate,
        "seconds": seconds,
        "p50_s": round(cuts[49], 2),
        "p95_s": round(cuts[94], 2),
        "p99_s": round(cuts[98], 2),
        "max_s": round(max(latencies), 2),
        "backlog_at_end": backlog,
        "ratio_of_p95_to_limit": round(cuts[94] / _FLOOR_P95_S, 2),
        "ratio_of_p95_to_goal": round(cuts[94] / _GOAL_P95_S, 2),
    }
