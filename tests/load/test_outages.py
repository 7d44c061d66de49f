"""Servers that are not there at the start and go away in the middle: what is up waits, and goes on by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from alphaads_pipelines.wiring.app import wired
from api.credentials import issue_token
from benchmarks.live import live, live_settings, wait_until
from deploy.servers import Kafka
from tests.equality import fingerprint
from tests.load.conftest import LEASE_S, Load, settled

DOWN_AT_START_S = 4.0


@contextmanager
def _starting_late(broker: Kafka) -> Iterator[None]:
    over = threading.Event()

    def start() -> None:
        time.sleep(DOWN_AT_START_S)
        broker.start()
        over.wait()  # the server goes with the thread that started it

    thread = threading.Thread(target=start, name="late broker")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _outage(files: list[Path], home: Path, down_s: float) -> dict[str, str]:
    with Kafka() as broker:
        settings = live_settings(home, batch_lease_s=LEASE_S, kafka_bootstrap_servers=broker.url)
        secret = settings.secret_key.get_secret_value()
        broker.kill()
        with _starting_late(broker), wired(settings) as wiring, live(wiring):
            wait_until(lambda: _decides(settings.api_port, secret), "the first creatives", 600.0)
            load = Load(settings, files)
            load.start()
            time.sleep(2.0)
            broker.kill()
            deadline = time.monotonic() + down_s
            while time.monotonic() < deadline:
                assert _decides(settings.api_port, secret)
                time.sleep(0.5)
            broker.start()
            load.join()
            wait_until(lambda: settled(wiring), "publishing after the outage", 900.0)
            assert wiring.ledger.gaps() == []
            assert not [each for each in wiring.ledger.batches(limit=1000) if each.failures], "an outage is no failure"
            return fingerprint(wiring)


def _decides(port: int, secret: str) -> bool:
    """Whether the API serves from its snapshot and its spool, whatever the broker does."""
    token = issue_token(secret, subject="test", tenant="test", scopes=["decisions:write"])
    headers = {"Authorization": f"Bearer {token}"}
    url = f"http://127.0.0.1:{port}/api/v1/decisions"
    return httpx.post(url, json={"subject_id": None}, headers=headers, timeout=60.0).is_success


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(1800)
def test_a_broker_that_comes_late_and_goes_away(files: list[Path], undisturbed: dict[str, str], tmp_path: Path) -> None:
    assert _outage(files, tmp_path / "home", down_s=6.0) == undisturbed


@pytest.mark.sweep
@pytest.mark.timeout(1800)
def test_a_broker_that_is_away_for_a_minute(files: list[Path], undisturbed: dict[str, str], tmp_path: Path) -> None:
    assert _outage(files, tmp_path / "home", down_s=60.0) == undisturbed
