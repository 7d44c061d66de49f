"""The supervisor: starts in order, restarts what dies, more patiently each time, and leaves nobody behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from alphaads_pipelines.runtime import supervisor as module
from alphaads_pipelines.runtime.services import Process, processes
from alphaads_pipelines.runtime.supervisor import Supervisor
from alphaads_pipelines.settings import Settings
from benchmarks.live import free_port, wait_until
from tests.conftest import ROOT

SLEEP = "import time; time.sleep(600)"
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""
LISTEN_LATE = """
import socket, time
from pathlib import Path
while not Path({signal!r}).exists():
    time.sleep(0.02)
s = socket.create_server(("127.0.0.1", {port}))
time.sleep(600)
"""


def _service(name: str, program: str, port: int | None = None) -> Process:
    return Process(name, (sys.executable, "-S", "-c", program), port)


@contextmanager
def _watched(wanted: Sequence[Process], logs: Path) -> Iterator[tuple[Supervisor, list[tuple[str, str]]]]:
    told: list[tuple[str, str]] = []
    supervisor = Supervisor(wanted, dict(os.environ), logs, lambda name, what: told.append((name, what)))

    def run() -> None:
        supervisor.watch()
        supervisor.stop()  # by the same thread, as `up` does: the processes die with it

    watcher = threading.Thread(target=run)
    watcher.start()
    try:
        yield supervisor, told
    finally:
        supervisor.request_stop()
        watcher.join()


def _wait(condition: Callable[[], bool]) -> None:
    wait_until(condition, "what the test waits for", 120.0, poll_s=0.02)


def test_a_process_that_is_killed_starts_again(tmp_path: Path) -> None:
    with _watched([_service("one", SLEEP)], tmp_path) as (supervisor, told):
        _wait(lambda: "one" in supervisor.pids())
        first = supervisor.pids()["one"]
        os.kill(first, signal.SIGKILL)
        _wait(lambda: supervisor.pids().get("one", first) != first)
        assert ("one", "died (signal SIGKILL); starts again in 0.5 s") in told


def test_one_that_keeps_dying_is_started_less_and_less_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(module, "_LONGEST_PAUSE_S", 0.04)
    monkeypatch.setattr(module, "_POLL_S", 0.01)
    with _watched([_service("one", "raise SystemExit(3)")], tmp_path) as (_, told):
        _wait(lambda: sum(what.startswith("died") for _, what in told) >= 4)
    pauses = [what for _, what in told if what.startswith("died")][:4]
    assert pauses == [f"died (exit code 3); starts again in {pause} s" for pause in ("0.01", "0.02", "0.04", "0.04")]


def test_what_needs_a_port_waits_until_it_is_open(tmp_path: Path) -> None:
    port, signal_file = free_port(), tmp_path / "listen"
    late = LISTEN_LATE.format(port=port, signal=str(signal_file))
    with _watched([_service("first", late, port), _service("second", SLEEP)], tmp_path) as (supervisor, told):
        _wait(lambda: "first" in supervisor.pids())
        time.sleep(0.5)
        assert "second" not in supervisor.pids()
        signal_file.touch()
        _wait(lambda: "second" in supervisor.pids())
        started = [name for name, what in told if what.startswith("started")]
        assert started == ["first", "second"]


def test_stop_asks_first_and_kills_who_does_not_listen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STOP_S", 0.5)
    with _watched([_service("deaf", DEAF), _service("polite", SLEEP)], tmp_path) as (supervisor, told):
        _wait(lambda: len(supervisor.pids()) == 2 and "deaf" in (tmp_path / "deaf.log").read_text())
        pids = list(supervisor.pids().values())
    assert supervisor.pids() == {}
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert {name for name, what in told if what == "stopped"} == {"deaf", "polite"}


def test_what_a_process_says_lies_in_a_log_that_does_not_grow_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOG_BYTES", 10)
    now, before = tmp_path / "one.log", tmp_path / "one.log.1"
    now.write_text("what it said before, at length")
    with _watched([_service("one", "print('hello', flush=True); " + SLEEP)], tmp_path):
        _wait(lambda: before.exists() and now.exists() and "hello" in now.read_text())
    assert before.read_text() == "what it said before, at length"


ORPHANS = """
import os, sys
from pathlib import Path
from alphaads_pipelines.runtime.services import Process
from alphaads_pipelines.runtime.supervisor import Supervisor
service = Process("child", (sys.executable, "-S", "-c", "import time; time.sleep(600)"))
Supervisor([service], dict(os.environ), Path(sys.argv[1]), lambda name, what: print(what, flush=True)).watch()
"""


def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", ORPHANS, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline().partition("pid ")[2].rstrip(")\n"))
        assert psutil.pid_exists(child)
        parent.kill()
    _wait(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_an_installation_is_workers_api_metrics_and_dagster(settings: Settings, tmp_path: Path) -> None:
    named = {each.name: each for each in processes(settings, tmp_path / "workspace.yaml", 4000)}
    assert set(named) == {"worker1", "worker2", "api", "metrics", "code-server", "daemon", "dagster-ui"}
    ui = named["dagster-ui"].command
    assert ui[ui.index("--host") + 1] == "127.0.0.1", "it has no authentication"
    order = list(named)
    assert order.index("code-server") < order.index("daemon") < order.index("dagster-ui")
    assert named["code-server"].port == 4000
