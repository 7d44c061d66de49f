"""Kill -9 anything, anywhere, under load, and freeze workers past their lease: nothing lost, nothing doubled, equal.

The seed decides what is hit and when; it is printed, and ALPHAADS_CRASH_SEED runs one again. The short form runs in
`make test`; `make sweep` hits 25 times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest

from alphaads_pipelines.ingest.files import PayloadFile
from alphaads_pipelines.runtime.once import run_until_idle
from alphaads_pipelines.runtime.supervisor import Supervisor
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring import Wiring, wired
from benchmarks.live import is_published, live, live_settings, wait_until
from benchmarks.posts import synthetic_posts
from deploy.servers import Server
from tests.equality import fingerprint

SEED = int(os.environ.get("ALPHAADS_CRASH_SEED", "20261124"))
LEASE_S = 4.0
FILES, POSTS_A_FILE = 16, 300
PROCESSES = ("worker1", "worker2", "api", "daemon", "code-server")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The load: files of payloads, one in twenty malformed."""
    folder = tmp_path_factory.mktemp("load")
    posts = list(synthetic_posts(FILES * POSTS_A_FILE, seed=SEED, authors=700, span_days=3))
    paths = []
    for number in range(FILES):
        lines = [orjson.dumps(post) for post in posts[number * POSTS_A_FILE : (number + 1) * POSTS_A_FILE]]
        lines[:: POSTS_A_FILE // 10] = [b'{"id": %d, "broken": ' % (number * 100 + i) for i in range(10)]
        path = folder / f"posts-{number:03d}.jsonl"
        path.write_bytes(b"\n".join(lines) + b"\n")
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def undisturbed(files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the tables say when nothing happens to anybody."""
    with wired(live_settings(tmp_path_factory.mktemp("calm") / "home")) as wiring:
        wiring.intake.take("generic", list(synthetic_posts(200, seed=1, authors=50)), "warm-up")
        for path in files:
            for payloads in PayloadFile(path):
                wiring.intake.take("generic", payloads, "calm")
        run_until_idle(wiring)
        return fingerprint(wiring)


def _ingest(settings: Settings, path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "alphaads_pipelines.cli.main", "ingest", str(path), "--platform", "generic"]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, env=settings.process_environment, stdout=quiet, stderr=quiet)


class _Load(threading.Thread):
    """Takes file after file in; a file whose intake died is taken in again, as a person would."""

    def __init__(self, settings: Settings, files: list[Path]) -> None:
        super().__init__(name="load")
        self.settings, self.files = settings, files
        self.intake: subprocess.Popen[bytes] | None = None
        self.killed = 0

    def run(self) -> None:
        for path in self.files:
            while True:
                self.intake = _ingest(self.settings, path)
                if self.intake.wait() == 0:
                    break
                self.killed += 1


def _hits(
    supervisor: Supervisor, load: _Load, broker: Server | None, dice: random.Random
) -> Iterator[tuple[str, Callable[[], None]]]:
    """What can be done to this installation, in random order, everything before anything twice."""

    def kill(name: str) -> None:
        if (pid := supervisor.pids().get(name)) is not None:
            os.kill(pid, signal.SIGKILL)

    def kill_intake() -> None:
        if load.intake is not None and load.intake.poll() is None:
            load.intake.kill()

    def freeze(name: str) -> None:
        if (pid := supervisor.pids().get(name)) is not None:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(LEASE_S * 1.5)
            os.kill(pid, signal.SIGCONT)

    hits: list[tuple[str, Callable[[], None]]] = [(f"kill {name}", lambda name=name: kill(name)) for name in PROCESSES]
    hits += [("kill intake", kill_intake), ("freeze worker1", lambda: freeze("worker1"))]
    if broker is not None:
        hits.append(("kill broker", lambda: (broker.kill(), time.sleep(1.0), broker.start())))
    while True:
        dice.shuffle(hits)
        yield from hits


def _survives(settings: Settings, files: list[Path], broker: Server | None, points: int) -> dict[str, str]:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    with wired(settings) as wiring, live(wiring) as supervisor:
        load = _Load(settings, files)
        load.start()
        hits = _hits(supervisor, load, broker, dice)
        for point in range(points):
            time.sleep(dice.uniform(0.3, 2.5))
            name, hit = next(hits)
            print(f"point {point + 1}: {name}")
            hit()
        load.join()
        wait_until(lambda: _settled(wiring), "publishing after the last crash", 180.0)
        assert wiring.ledger.gaps() == []
        return fingerprint(wiring)


def _settled(wiring: Wiring) -> bool:
    waiting = [batch.id for batch in wiring.ledger.batches(limit=1000) if batch.state in ("failed", "lost")]
    assert not waiting, f"batches wait for a person: {waiting}"
    return is_published(wiring)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_embedded_survives(files: list[Path], undisturbed: dict[str, str], tmp_path: Path) -> None:
    settings = live_settings(tmp_path / "home", batch_lease_s=LEASE_S)
    assert _survives(settings, files, None, points=7) == undisturbed


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(600)
def test_kafka_survives(files: list[Path], undisturbed: dict[str, str], tmp_path: Path, kafka_server: Server) -> None:
    settings = live_settings(
        tmp_path / "home", batch_lease_s=LEASE_S, kafka_bootstrap_servers=kafka_server.url, posts_topic="crash.posts"
    )
    assert _survives(settings, files, kafka_server, points=8) == undisturbed


@pytest.mark.sweep
@pytest.mark.timeout(3000)
def test_everything_survives_25_points(
    files: list[Path],
    undisturbed: dict[str, str],
    tmp_path: Path,
    kafka_server: Server,
    postgres_server: Server,
    redis_server: Server,
) -> None:
    settings = live_settings(
        tmp_path / "home",
        batch_lease_s=LEASE_S,
        kafka_bootstrap_servers=kafka_server.url,
        database_url=postgres_server.fresh_database(),
        redis_url=redis_server.url,
        posts_topic="sweep.posts",
    )
    assert _survives(settings, files * 2, kafka_server, points=25) == undisturbed
