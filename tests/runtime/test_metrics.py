"""The metrics server: one page for all processes, counters added up, gauges of the ledger or none."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from alphaads_pipelines.errors import StreamUnavailable
from alphaads_pipelines.runtime.metrics import registry
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.live import free_port, wait_until
from tests.conftest import ROOT
from tests.planning import due, take_in
from tests.publishing import publish_batches

COUNT = """
import sys
from alphaads_pipelines.telemetry import BATCH_SECONDS, POSTS_PROCESSED
POSTS_PROCESSED.labels("accepted").inc(int(sys.argv[1]))
BATCH_SECONDS.labels("score").observe(0.5)
"""


def _samples(text: str) -> dict[tuple[str, str], float]:
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def _page(wiring: Wiring) -> dict[tuple[str, str], float]:
    return _samples(generate_latest(registry(wiring)).decode())


def _stuck(wiring: Wiring) -> dict[str, float]:
    return {state: count for (name, state), count in _page(wiring).items() if name == "alphaads_batches_stuck"}


@pytest.fixture
def folder(wiring: Wiring) -> Path:
    path = wiring.settings.multiprocess_metrics_path
    path.mkdir(parents=True)
    return path


def _count_in_a_process(settings: Settings, accepted: int) -> None:
    environment = {**settings.process_environment, "PROMETHEUS_MULTIPROC_DIR": str(settings.multiprocess_metrics_path)}
    subprocess.run([sys.executable, "-c", COUNT, str(accepted)], env=environment, cwd=ROOT, check=True)


def test_counters_of_several_processes_add_up_and_outlive_them(wiring: Wiring, folder: Path) -> None:
    for accepted in (3, 4):
        _count_in_a_process(wiring.settings, accepted)
    page = _page(wiring)
    assert page["alphaads_posts_processed_total", "accepted"] == 7
    assert page["alphaads_batch_seconds_count", "score"] == 2
    assert page["alphaads_batch_seconds_sum", "score"] == 1.0


def test_gauges_tell_backlog_age_and_loss(wiring: Wiring, folder: Path) -> None:
    take_in(wiring, 30)
    waiting = _page(wiring)
    assert waiting["alphaads_backlog_posts", ""] == 30
    assert waiting["alphaads_offsets_lost", ""] == 0
    assert ("alphaads_data_age_seconds", "") not in waiting, "nothing is published yet: no age, never zero"
    publish_batches(wiring)
    wiring.ledger.note_idle(wiring.stream.end_offsets(wiring.topics.posts), datetime.now(UTC))
    published = _page(wiring)
    assert published["alphaads_backlog_posts", ""] == 0
    assert 0 <= published["alphaads_data_age_seconds", ""] < 60


def test_batches_that_wait_for_a_person_are_counted(wiring: Wiring, folder: Path) -> None:
    take_in(wiring, 30)
    [batch] = due(wiring)
    assert _stuck(wiring) == {"failed": 0, "lost": 0}
    wiring.ledger.lose(batch, batch.planned_at)
    assert _stuck(wiring) == {"failed": 0, "lost": 1}


def test_a_broker_that_is_away_leaves_its_gauge_out_and_the_rest_in(
    wiring: Wiring, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise StreamUnavailable("the broker did not answer")

    _count_in_a_process(wiring.settings, 1)
    _ = wiring.ledger
    monkeypatch.setattr(type(wiring.stream), "end_offsets", silent)
    page = _page(wiring)
    assert ("alphaads_backlog_posts", "") not in page
    assert page["alphaads_offsets_lost", ""] == 0
    assert page["alphaads_posts_processed_total", "accepted"] == 1


@pytest.fixture
def served(settings: Settings) -> Iterator[Settings]:
    """The metrics server of this home, as `up` starts it."""
    serving = settings.model_copy(update={"metrics_port": free_port()})
    command = [sys.executable, "-m", "alphaads_pipelines.runtime.metrics"]
    process = subprocess.Popen(command, env=serving.process_environment, cwd=ROOT)
    try:
        yield serving
    finally:
        process.terminate()
        process.wait(60)


def test_the_page_is_prometheus_text_on_its_port(served: Settings) -> None:
    url = f"http://127.0.0.1:{served.metrics_port}/metrics"
    answers: list[Any] = []

    def answered() -> bool:
        try:
            answers.append(httpx.get(url, timeout=60.0))
        except httpx.TransportError:
            return False
        return True

    wait_until(answered, "the metrics server's start", 300.0)
    _count_in_a_process(served, 5)
    page = httpx.get(url, timeout=60.0)
    assert page.headers["content-type"].startswith("text/plain; version=")
    samples = _samples(page.text)
    assert samples["alphaads_posts_processed_total", "accepted"] == 5
    assert samples["alphaads_backlog_posts", ""] == 0
    assert "# HELP alphaads_batch_seconds " in page.text
