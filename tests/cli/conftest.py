"""Commands, run in this process in a home of their own, with stdout and stderr kept apart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from click.testing import Result
from typer.testing import CliRunner

from alphaads_pipelines.cli.main import app
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.telemetry import configure_logging
from benchmarks.posts import synthetic_posts

Command = Callable[..., Result]


@pytest.fixture
def command(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """`alphaads ARGUMENTS`; standard input is `stdin`."""
    for name, value in settings.process_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path, stdin: bytes | None = None) -> Result:
        try:
            return CliRunner().invoke(app, [str(each) for each in arguments], input=stdin)
        finally:
            configure_logging(level="WARNING")  # as for every other test; the command was more talkative

    return run


@pytest.fixture
def posts_file(tmp_path: Path) -> Callable[..., Path]:
    """A file of synthetic posts, and as many broken lines as wanted."""

    def write(name: str, posts: int, *, seed: int = 1, broken: int = 0) -> Path:
        lines = [orjson.dumps(post) for post in synthetic_posts(posts, seed=seed, authors=8)]
        lines += [b'{"id": "cut %d-%d", "te' % (seed, number) for number in range(broken)]
        path = tmp_path / name
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    return write
