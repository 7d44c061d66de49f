"""The load of the crash and outage tests: files of payloads, who takes them in, and what they must end as."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest

from alphaads_pipelines.ingest.files import PayloadFile
from alphaads_pipelines.runtime.in_process import run_until_idle
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.live import is_published, live_settings
from benchmarks.posts import synthetic_posts
from tests.equality import fingerprint

SEED = int(os.environ.get("ALPHAADS_CRASH_SEED", "20261124"))
LEASE_S = 4.0
FILES, POSTS_A_FILE = 16, 300


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
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


class Load(threading.Thread):
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


def settled(wiring: Wiring) -> bool:
    waiting = [batch.id for batch in wiring.ledger.stuck()]
    assert not waiting, f"batches wait for a person: {waiting}"
    return is_published(wiring)
