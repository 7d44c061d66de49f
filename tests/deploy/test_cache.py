"""The shared cache: built once for all checkouts, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cache import cache_folder, cached
from tests.conftest import ROOT

BUILD_SLOWLY = """
import sys, time
from pathlib import Path
from deploy.cache import cached

def build(folder):
    time.sleep(0.3)
    (folder / "built").write_text("whole")
    with Path(sys.argv[1]).open("a") as log:
        log.write("built\\n")

print((cached("server", "1", build) / "built").read_text())
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "alphaads"


def test_without_the_variable_it_lies_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "alphaads"


def test_processes_that_fetch_at_once_build_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", BUILD_SLOWLY, str(log)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in running] == ["whole\n"] * 3
    assert log.read_text() == "built\n"


def test_a_build_that_fails_leaves_nothing_and_the_next_one_builds(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError):
        cached("server", "1", fail)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []
    assert list(cached("server", "1", lambda folder: (folder / "whole").touch()).iterdir()) == [
        cache / "server-1" / "whole"
    ]


def test_each_version_has_a_folder(cache: Path) -> None:
    folders = [cached("server", version, lambda folder: None) for version in ("1", "2")]
    assert folders == [cache / "server-1", cache / "server-2"]
