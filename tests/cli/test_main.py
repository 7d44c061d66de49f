"""The command line as a whole: help, documentation, exit codes, and how wrong use is told."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from alphaads_pipelines.cli.main import app
from tests.cli.conftest import Command
from tests.conftest import ROOT

COMMANDS = (
    *("demo", "up", "doctor", "ingest", "parse", "score"),
    *("train", "evaluate", "backfill", "replay", "batches", "gazetteer", "bench", "token"),
    *("consent", "link", "export", "erase", "audit", "keys", "backup", "ope", "experiment"),
    *("campaign", "creative"),
    *("touched", "forget-post", "policy", "simulate"),
)
WITH_JSON = ("demo", "doctor", "ingest", "backfill", "replay", "batches", "token", "ope", "simulate")


def _options(name: str) -> set[str]:
    group = typer.main.get_command(app)
    parameters = group.commands[name].params  # type: ignore[attr-defined]
    return {option for parameter in parameters for option in parameter.opts}


def test_the_commands_are_those_of_the_contract() -> None:
    assert set(typer.main.get_command(app).commands) == set(COMMANDS)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_and_stands_in_the_documentation(command: Command, name: str) -> None:
    shown = command(name, "--help")
    assert shown.exit_code == 0
    assert f"alphaads {name}" in shown.stdout or f"Usage: root {name}" in shown.stdout
    documented = (ROOT / "docs" / "operations.md").read_text()
    assert re.search(rf"^\| `alphaads {name}\b", documented, re.MULTILINE)


@pytest.mark.parametrize("name", WITH_JSON)
def test_each_command_that_prints_data_for_people_prints_json_too(name: str) -> None:
    assert "--json" in _options(name)


def test_the_installed_script_is_this_program() -> None:
    script = Path(sys.executable).with_name("alphaads")
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert all(name in done.stdout for name in COMMANDS)


@pytest.fixture
def wrong(tmp_path: Path) -> dict[str, Path]:
    """Files that hold no posts, each for a reason of its own."""
    contents = {
        "corrupt.gz": b"\x1f\x8bthis was never gzip",
        "cut.gz": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab",
        "empty.jsonl": b"",
        "blank.jsonl": b"\n  \n",
        "utf16.jsonl": '{"id": "1"}'.encode("utf-16"),
        "cut.json": b'[\n  {"id": "1"},\n  {"id": ',
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    return {name: tmp_path / name for name in (*contents, "folder", "missing.jsonl")}


FILES = ("corrupt.gz", "cut.gz", "empty.jsonl", "blank.jsonl", "utf16.jsonl", "cut.json", "folder", "missing.jsonl")


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("arguments", [("parse",), ("ingest",), ("demo", "--input")], ids=" ".join)
def test_a_file_that_cannot_be_read_is_one_line_on_stderr(
    command: Command, wrong: dict[str, Path], arguments: tuple[str, ...], file: str
) -> None:
    done = command(*arguments, wrong[file], "--platform", "generic")
    assert done.exit_code == 2
    errors = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    assert wrong[file].name in errors[0]
    assert "Traceback" not in done.output


def test_a_line_that_is_not_utf8_is_a_reject_and_not_the_end(command: Command, posts_file: Callable[..., Path]) -> None:
    path = posts_file("mixed.jsonl", 3)
    path.write_bytes(b'{"id": "latin", "text": "caf\xe9"}\n' + path.read_bytes())
    done = command("parse", path, "--platform", "generic")
    assert done.exit_code == 0
    assert len(done.stdout.splitlines()) == 3
    [reject] = done.stderr.splitlines()
    assert '"line":1' in reject
    assert "caf" not in reject


WRONG_USES = [
    (("parse", "POSTS", "--platform", "nowhere"), 2, "unknown platform 'nowhere'"),
    (("ingest", "POSTS", "--platform", "nowhere"), 2, "platform"),
    (("demo", "--input", "POSTS", "--platform", "nowhere"), 2, "platform"),
    (("score", "missing.jsonl"), 2, "missing.jsonl cannot be read: No such file"),
    (("score", "--tier", "psychic", "POSTS"), 2, "unknown scorer tier 'psychic'"),
    (("batches", "--retry", "soon"), 2, "a batch is named by its id"),
    (("batches", "--retry", "b000000007"), 1, "there is no batch b000000007"),
    (("replay",), 2, "name the batches to replay"),
    (("replay", "7", "--rejected"), 2, "name the batches to replay"),
    (("replay", "7"), 1, "there is no batch b000000007"),
    (("backfill", "--from", "2026-01-02", "--to", "2026-01-01"), 2, "from before to"),
    (("backfill", "--from", "2026-01-01", "--to", "2026-01-02", "--asset", "dreams"), 2, "must be one of raw_posts"),
    (("bench", "patience"), 2, "unknown benchmark; known: "),
    (("token", "--scope", "world:rule"), 2, "unknown scopes: world:rule"),
]


@pytest.mark.parametrize(("arguments", "code", "told"), WRONG_USES, ids=[" ".join(each[0]) for each in WRONG_USES])
def test_wrong_use_is_one_line_on_stderr_and_an_exit_code(
    command: Command, posts_file: Callable[..., Path], arguments: tuple[str, ...], code: int, told: str
) -> None:
    posts = posts_file("posts.jsonl", 2)
    done = command(*(posts if each == "POSTS" else each for each in arguments))
    assert (done.exit_code, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert line.startswith("error: " if code == 2 else "failed: ")
    assert told in line


@pytest.mark.parametrize("arguments", [("dream",), ("parse",), ("backfill", "--from", "yesterday", "--to", "today")])
def test_what_the_parser_refuses_is_wrong_use(command: Command, arguments: tuple[str, ...]) -> None:
    done = command(*arguments)
    assert done.exit_code == 2
    assert "Usage: " in done.stderr
    assert "Traceback" not in done.output


def test_a_wrong_setting_is_named_and_never_shown(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "hush")
    monkeypatch.setenv("API_PORT", "eighty")
    done = command("batches")
    assert done.exit_code == 2
    [line] = done.stderr.splitlines()
    assert "API_PORT" in line
    assert "hush" not in line
    assert "eighty" not in line


def test_a_home_that_cannot_be_made_is_a_failure_in_one_line(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "a-file").write_text("")
    monkeypatch.setenv("ALPHAADS_HOME", str(tmp_path / "a-file" / "home"))
    done = command("batches")
    assert done.exit_code == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("failed: ")
    assert "Not a directory" in line
