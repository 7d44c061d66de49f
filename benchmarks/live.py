"""A temporary installation on free loopback ports, for benchmarks and load tests."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.runtime.supervisor import Supervisor, installation
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import new_correlation_id
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.posts import synthetic_posts

_START_S = 600.0


def free_port() -> int:
    """Find an unused loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def live_settings(home: Path, **overrides: Any) -> Settings:
    """Settings with free ports and unique topics."""
    own = uuid.uuid4().hex[:8]
    topics = {f"{name}_topic": f"bench.{name}.{own}" for name in ("posts", "decisions", "events")}
    ports = {"api_port": free_port(), "metrics_port": free_port(), "dagster_port": free_port()}
    return Settings(**{"_env_file": None, "environment": "test", "alphaads_home": home, **topics, **ports, **overrides})


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float, poll_s: float = 0.1) -> None:
    """Wait for `condition`. Raises StoreUnavailable after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise StoreUnavailable(f"{what} did not happen within {timeout_s:.0f} s")
        time.sleep(poll_s)


def is_published(wiring: Wiring) -> bool:
    """Whether all records of the posts stream are published."""
    return wiring.ledger.backlog(wiring.stream.end_offsets(wiring.topics.posts)) == 0


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=10.0).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


@contextmanager
def live(wiring: Wiring) -> Iterator[Supervisor]:
    """Run all processes, warmed up with one published batch."""
    settings = wiring.settings
    with installation(settings, lambda service, what: None) as supervisor:
        watcher = threading.Thread(target=supervisor.watch, name="supervisor")
        watcher.start()
        try:
            wait_until(lambda: _answers(f"http://127.0.0.1:{settings.api_port}/health"), "the API's start", _START_S)
            wiring.intake.take("generic", list(synthetic_posts(200, seed=1, authors=50)), new_correlation_id())
            wait_until(lambda: is_published(wiring), "the first batch", _START_S)
            yield supervisor
        finally:
            supervisor.request_stop()
            watcher.join()


MODEL = "model"
"""Key of `worker_seconds` for time inside our network, part of the scoring stage."""


def worker_seconds(settings: Settings) -> dict[str, float]:
    """Seconds that the workers spent so far in each stage and inside the model, from the metrics server."""
    text = httpx.get(f"http://127.0.0.1:{settings.metrics_port}/metrics", timeout=60.0).text
    seconds: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "alphaads_batch_seconds_sum":
                seconds[sample.labels["stage"]] = sample.value
            elif sample.name == "alphaads_model_seconds_sum":
                seconds[MODEL] = sample.value
    return seconds
