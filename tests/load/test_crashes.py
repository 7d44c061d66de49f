"""Kill -9 anything, anywhere, under load, and freeze workers past their lease: nothing lost, nothing doubled, equal.

The seed decides what is hit and when; it is printed, and ALPHAADS_CRASH_SEED runs one again. The short form runs in
`make test`; `make sweep` hits 25 times.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alphaads_pipelines.runtime.supervisor import Supervisor
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from benchmarks.live import live, live_settings, wait_until
from deploy.servers import Server
from tests.equality import fingerprint
from tests.load.conftest import LEASE_S, SEED, Load, settled

PROCESSES = ("worker1", "worker2", "api", "daemon", "code-server")


def _hits(
    supervisor: Supervisor, load: Load, broker: Server | None, dice: random.Random
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
        load = Load(settings, files)
        load.start()
        hits = _hits(supervisor, load, broker, dice)
        for point in range(points):
            time.sleep(dice.uniform(0.3, 2.5))
            name, hit = next(hits)
            print(f"point {point + 1}: {name}")
            hit()
        load.join()
        wait_until(lambda: settled(wiring), "publishing after the last crash", 900.0)
        assert wiring.ledger.gaps() == []
        return fingerprint(wiring)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_embedded_survives(files: list[Path], undisturbed: dict[str, str], tmp_path: Path) -> None:
    settings = live_settings(tmp_path / "home", batch_lease_s=LEASE_S)
    assert _survives(settings, files, None, points=7) == undisturbed


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.timeout(1800)
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
