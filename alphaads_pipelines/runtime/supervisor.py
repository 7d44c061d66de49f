"""The supervisor of `alphaads up`: starts, restarts and stops every process of an installation.

A dead process restarts after 0.5 s, 1 s, 2 s ... up to 30 s; a minute of life resets the backoff. The kernel kills the
children of a dead supervisor.
"""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.runtime.services import Process, processes
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import get_logger

_POLL_S = 0.2
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_HEALTHY_S = 60.0
_SERVER_POLL_S = 1.0
_STOP_S = 8.0
_PR_SET_PDEATHSIG = 1
_LOG_BYTES = 10_000_000
_LIBC = ctypes.CDLL(None)  # loaded before the fork: only the call is safe after it

Report = Callable[[str, str], None]
"""Called with a process and an event: it started, died or stopped."""


@dataclass
class _Child:
    plan: Process
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    ready: bool = False
    start_at: float = field(default_factory=time.monotonic)


class Supervisor:
    """Keeps processes running: `watch` until a stop is requested, then `stop`."""

    def __init__(self, processes: Sequence[Process], environment: dict[str, str], logs: Path, report: Report) -> None:
        self._children = [_Child(plan) for plan in processes]
        self._environment, self._logs, self._report = environment, logs, report
        self._stopping = threading.Event()

    def pids(self) -> dict[str, int]:
        """Process ids of the running processes."""
        running = [(child.plan.name, child.process) for child in self._children]
        return {name: process.pid for name, process in running if process and process.poll() is None}

    def request_stop(self) -> None:
        """Make `watch` return; safe in signal handlers and other threads."""
        self._stopping.set()

    def watch(self) -> None:
        """Start missing processes until a stop is requested. The processes die with the calling thread."""
        while not self._stopping.is_set():
            for child in self._children:
                self._ensure_running(child)
                if not _is_ready(child):
                    break  # later processes need it
            self._stopping.wait(_POLL_S)

    def stop(self) -> None:
        """Terminate every process; kill the ones still alive after 8 s."""
        alive = [child for child in self._children if child.process and child.process.poll() is None]
        for child in alive:
            _process(child).terminate()
        deadline = time.monotonic() + _STOP_S
        for child in alive:
            try:
                _process(child).wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _process(child).kill()
                _process(child).wait()
            self._report(child.plan.name, "stopped")

    def _ensure_running(self, child: _Child) -> None:
        if child.process is not None:
            if child.process.poll() is None:
                return
            self._schedule_restart(child, child.process.returncode)
        if time.monotonic() >= child.start_at:
            self._spawn(child)

    def _schedule_restart(self, child: _Child, code: int) -> None:
        lived = time.monotonic() - child.started
        child.failures = 1 if lived >= _HEALTHY_S else child.failures + 1
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (child.failures - 1))
        child.process, child.start_at = None, time.monotonic() + pause
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        self._report(child.plan.name, f"died ({how}); starts again in {pause:g} s")

    def _spawn(self, child: _Child) -> None:
        self._logs.mkdir(parents=True, exist_ok=True)
        with _log_file(self._logs / f"{child.plan.name}.log").open("ab") as log:
            child.process = subprocess.Popen(  # noqa: S603 - our own commands
                child.plan.command,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_die_with_parent,
            )
        child.started, child.ready = time.monotonic(), False
        self._report(child.plan.name, f"started (pid {child.process.pid})")


@contextmanager
def installation(settings: Settings, report: Report) -> Iterator[Supervisor]:
    """A supervisor with a prepared home; stops every process at the end. Waits for servers that do not answer yet."""
    from resources.instance import prepare_home, write_workspace

    _await_servers(settings, report)
    prepare_home(settings)
    _clear_metrics(settings.multiprocess_metrics_path)
    port = _free_port()
    environment = {
        **settings.process_environment,
        "PROMETHEUS_MULTIPROC_DIR": str(settings.multiprocess_metrics_path),
    }
    planned = processes(settings, write_workspace(settings, port), port)
    supervisor = Supervisor(planned, environment, settings.logs_path, report)
    try:
        yield supervisor
    finally:
        supervisor.stop()


def _await_servers(settings: Settings, report: Report) -> None:
    """Make keys, schema and topics in one process, before several would race."""
    from alphaads_pipelines.wiring.app import wired

    while True:
        try:
            with wired(settings) as wiring:
                _ = wiring.ledger, wiring.master_keys
            return
        except TransientError as error:
            report("waiting", str(error))
            time.sleep(_SERVER_POLL_S)


def run(settings: Settings, report: Report | None = None) -> None:
    """Run everything until SIGINT (Ctrl-C) or SIGTERM."""
    log = get_logger("supervisor")
    tell = report or (lambda service, what: log.info(what, service=service))
    with installation(settings, tell) as supervisor:

        def _on_signal(_number: int, _frame: FrameType | None) -> None:
            supervisor.request_stop()

        before = {number: signal.signal(number, _on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            supervisor.watch()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _process(child: _Child) -> subprocess.Popen[bytes]:
    assert child.process is not None
    return child.process


def _is_ready(child: _Child) -> bool:
    if child.plan.port is not None and not child.ready:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            child.ready = probe.connect_ex(("127.0.0.1", child.plan.port)) == 0
    return child.plan.port is None or child.ready


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _log_file(path: Path) -> Path:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path


def _clear_metrics(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for left_over in folder.glob("*.db"):
        left_over.unlink()
