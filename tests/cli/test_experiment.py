"""`alphaads experiment analyse`: numbers, a page, and how wrong use is told."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import Command

HEAD = "at,arm,units,converted,complained\n"
ROWS = "".join(f"2026-03-{day:02},control,1000,100,50\n2026-03-{day:02},warm,1000,130,50\n" for day in range(1, 15))
OPTIONS = ("--goal", "converted", "--guard-rail", "complained:lower:0.4")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "warm.csv"
    path.write_text(HEAD + ROWS)
    return path


def test_a_file_becomes_a_decision_and_a_page(command: Command, file: Path, tmp_path: Path) -> None:
    done = command("experiment", "analyse", file, *OPTIONS, "--report", tmp_path / "page.html", "--json")
    assert done.exit_code == 0, done.output
    shown = orjson.loads(done.stdout)
    assert shown["decision"]["action"] == "ship"
    assert shown["decision"]["arm"] == "warm"
    assert [each["verdict"] for each in shown["comparisons"]] == ["better", "passed"]
    assert "<strong>Ship warm</strong>" in (tmp_path / "page.html").read_text()
    table = command("experiment", "analyse", file, *OPTIONS).stdout
    assert all(word in table for word in ("ship warm", "+30.00%", "better", "28,000 units, split as planned"))


def test_standard_input_and_uneven_shares_are_understood(command: Command) -> None:
    split = ("--share", "control=3000", "--share", "warm=7000")
    done = command("experiment", "analyse", "-", *OPTIONS, *split, "--json", stdin=(HEAD + ROWS).encode())
    assert done.exit_code == 0, done.output
    assert orjson.loads(done.stdout)["sample_ratio"]["is_passed"] is False


WRONG_USES = [
    (("--goal", "clicked"), "line 2: the column clicked is missing"),
    (("--goal", "converted:often"), "--goal: often is neither"),
    (("--goal", ":rate"), "--goal: must begin with the name"),
    (("--goal", "converted:mean"), "a mean needs a row for each unit"),
    (("--goal", "converted:0.1"), "a goal has no margin"),
    (("--goal", "converted", "--guard-rail", "complained"), "complained: a guard-rail needs a margin"),
    (("--goal", "converted", "--share", "control"), "--share: must be ARM=N"),
    (("--goal", "converted", "--share", "control=1"), "line 3: arm: is none of those that have a share"),
    (("--goal", "converted", "--control", "cold"), "control: no unit is in this arm"),
    (("--goal", "converted", "--alpha", "0.7"), "alpha must lie between"),
]


@pytest.mark.parametrize(("options", "told"), WRONG_USES, ids=[told for _, told in WRONG_USES])
def test_wrong_use_is_one_line_on_stderr(command: Command, file: Path, options: tuple[str, ...], told: str) -> None:
    done = command("experiment", "analyse", file, *options)
    assert (done.exit_code, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert told in line


def test_a_file_that_cannot_be_read_is_one_line_on_stderr(command: Command, tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes(HEAD.encode() + b"2026-03-01,\xe4,1,1,1\n")
    for name, told in (("missing.csv", "cannot be read"), ("latin.csv", "line 2: is no UTF-8")):
        done = command("experiment", "analyse", tmp_path / name, *OPTIONS)
        assert done.exit_code == 2
        [line] = done.stderr.splitlines()
        assert told in line


def test_the_command_has_help(command: Command) -> None:
    shown = command("experiment", "analyse", "--help")
    assert shown.exit_code == 0
    assert all(option in shown.stdout for option in ("--goal", "--guard-rail", "--share", "--report", "--json"))
