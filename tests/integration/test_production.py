"""The production size: `alphaads up` on Kafka, PostgreSQL and Redis, one file from the command line to a decision."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
import pytest
from dagster import DagsterRunStatus, RunsFilter
from prometheus_client.parser import text_string_to_metric_families

from alphaads_pipelines.ingest.files import PayloadFile
from alphaads_pipelines.runtime.in_process import run_until_idle
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from api.credentials import SCOPES, issue_token
from benchmarks.live import is_published, live_settings, wait_until
from benchmarks.posts import synthetic_posts
from deploy.servers import Kafka, Postgres, Redis
from resources import names
from resources.instance import open_instance
from tests.equality import fingerprint

SECRET = "a-secret-of-production-that-is-long-enough"
POSTS, BROKEN = 400, 10
START_S = 600.0


@pytest.fixture
def production(
    tmp_path: Path,
    kafka_server: Kafka,
    postgres_server: Postgres,
    redis_server: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    settings = live_settings(
        tmp_path / "home",
        environment="production",
        secret_key=SECRET,
        kafka_bootstrap_servers=kafka_server.url,
        database_url=postgres_server.fresh_database(),
        redis_url=redis_server.url,
        posts_topic="production.posts",
        decisions_topic="production.decisions",
        events_topic="production.events",
    )
    for name, value in settings.process_environment.items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    posts = synthetic_posts(POSTS, seed=3, authors=60)
    lines = [*map(orjson.dumps, posts), *(b'{"id": "cut %d", "te' % number for number in range(BROKEN))]
    path = tmp_path / "posts.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def _alphaads(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "alphaads_pipelines.cli.main", *(str(each) for each in arguments)]


@contextmanager
def _up(settings: Settings) -> Iterator[psutil.Popen]:
    """`alphaads up`, killed with all it started if the test could not stop it."""
    process = psutil.Popen(_alphaads("up"), env=settings.process_environment)
    try:
        yield process
    finally:
        for each in (*process.children(recursive=True), process) if process.is_running() else ():
            each.kill()
        process.wait(60)


def _answer(settings: Settings, method: str, path: str, body: Any = None) -> httpx.Response | None:
    token = issue_token(SECRET, subject="test", tenant="acme", scopes=SCOPES, minutes=5)
    url = f"http://127.0.0.1:{settings.api_port}{path}"
    try:
        return httpx.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=60.0)
    except httpx.TransportError:
        return None


def _is_ok(answer: httpx.Response | None) -> bool:
    return answer is not None and answer.status_code == httpx.codes.OK


def _counted(settings: Settings) -> dict[str, float]:
    text = httpx.get(f"http://127.0.0.1:{settings.metrics_port}/metrics", timeout=60.0).text
    return {
        sample.labels["outcome"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "alphaads_posts_processed_total"
    }


def _undisturbed(file: Path, home: Path) -> dict[str, str]:
    """What the embedded size makes of the same file, in this process."""
    with wired(Settings(_env_file=None, **_embedded(home))) as wiring:
        for payloads in PayloadFile(file):
            wiring.intake.take("generic", payloads, "calm")
        run_until_idle(wiring)
        return fingerprint(wiring)


def _embedded(home: Path) -> dict[str, Any]:
    nowhere = {"database_url": None, "redis_url": None, "kafka_bootstrap_servers": None}
    return {"environment": "test", "alphaads_home": home, "alphaads_key_file": None, **nowhere}


def _check_runs(wiring: Wiring) -> None:
    """Every batch has its run; the last one succeeds a little after its batch is published."""
    batches = {batch.id: batch.planned_hour for batch in wiring.ledger.batches(state="committed")}
    succeeded = RunsFilter(job_name=names.MICRO_BATCH, statuses=[DagsterRunStatus.SUCCESS])
    with open_instance(wiring.settings) as instance:
        wait_until(lambda: len(instance.get_runs(succeeded)) >= len(batches), "the end of the runs", START_S)
        done = instance.get_runs(succeeded)
    assert {run.tags[names.BATCH_TAG]: run.tags["dagster/partition"] for run in done} == batches


def _advertise(settings: Settings) -> None:
    """A campaign of the caller's: in production there are no samples."""
    words = {"name": "Kettle", "product": "Brasswick kettle", "benefit": "tea at the right heat"}
    made = _answer(settings, "POST", "/api/v1/campaigns", {**words, "call_to_action": "Have a look"})
    assert made is not None
    started = _answer(settings, "POST", f"/api/v1/campaigns/{made.json()['campaign_id']}/resume", {})
    assert _is_ok(started)


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(1800)
def test_one_file_becomes_a_decision_and_up_stops_when_told(production: Settings, file: Path, tmp_path: Path) -> None:
    with wired(production) as wiring, _up(production) as up:
        wait_until(lambda: _is_ok(_answer(production, "GET", "/health")), "the API's start", START_S)
        subprocess.run(_alphaads("ingest", file, "--platform", "generic"), check=True)
        _advertise(production)
        wait_until(lambda: is_published(wiring), "publishing", START_S)

        subject = wiring.lake.scan(CUSTOMER_PROFILES).select("subject_id").head(1).collect().item()
        profile, decision = f"/api/v1/profiles/{subject}", {"subject_id": subject}
        wait_until(lambda: _is_ok(_answer(production, "GET", profile)), "a profile in the API", START_S)
        wait_until(lambda: _is_ok(_answer(production, "POST", "/api/v1/decisions", decision)), "a decision", START_S)
        assert _counted(production) == {"accepted": POSTS, "rejected": BROKEN, "duplicates": 0}
        _check_runs(wiring)
        assert fingerprint(wiring) == _undisturbed(file, tmp_path / "embedded")
        assert not list(production.alphaads_home.glob("*.db")), "SQLite has no part in this size"

        started = up.children(recursive=True)
        assert len(started) >= production.workers + 5
        up.send_signal(signal.SIGINT)
        assert up.wait(120) == 0
        _, alive = psutil.wait_procs(started, timeout=60)
        assert alive == []
