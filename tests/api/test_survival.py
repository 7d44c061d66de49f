"""The service as a process of its own, killed: whatever it answered is recorded."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import orjson
import pytest

from alphaads_pipelines.decisions.spool import forward
from alphaads_pipelines.streams.base import OffsetRange
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.live import free_port
from tests.api.conftest import Headers


@contextmanager
def _service(wiring: Wiring, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "uvicorn", "--factory", "api.app:create_app", "--port", str(port))
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=wiring.settings.process_environment, stdout=quiet, stderr=quiet) as process:
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/")
            yield process
        finally:
            process.kill()


def _wait_until_ready(home: str) -> None:
    """Until it answers, and has seen what is published."""
    for _ in range(6_000):
        try:
            if "nothing published yet" not in httpx.get(home, timeout=30.0).text:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("the service did not start within 300 s")


def _ask_until_it_dies(port: int, headers: dict[str, str], answered: list[str]) -> None:
    with httpx.Client(headers=headers, timeout=60.0) as client:
        while True:
            try:
                answer = client.post(f"http://127.0.0.1:{port}/api/v1/decisions", json={})
            except httpx.TransportError:
                return
            answered.append(answer.json()["decision_id"])


@pytest.mark.slow
def test_kill_9_after_an_answer_loses_no_decision(published: Wiring, headers: Headers) -> None:
    port, answered = free_port(), list[str]()
    with _service(published, port) as process:
        callers = [
            threading.Thread(target=_ask_until_it_dies, args=(port, headers("decisions:write"), answered))
            for _ in range(3)
        ]
        for caller in callers:
            caller.start()
        while len(answered) < 300 and any(caller.is_alive() for caller in callers):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        for caller in callers:
            caller.join()
    assert len(answered) >= 300
    topic = published.settings.decisions_topic
    forward(published.settings.spool_path, published.stream, topic)
    ranges = [OffsetRange(topic, each, 0, end) for each, end in published.stream.end_offsets(topic).items()]
    recorded = {orjson.loads(each.value)["decision_id"] for chunk in published.stream.read(ranges) for each in chunk}
    assert set(answered) <= recorded
    assert list(published.settings.spool_path.glob("*.spool")) == []
