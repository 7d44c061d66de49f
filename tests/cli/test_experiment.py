"""`alphaads experiment`: drafted, started, stopped and judged, from decisions or a file, and how wrong use is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.cli.conftest import Command
from tests.decisions.experiments import HALVES, ran, started
from tests.pipeline.loop import loop_at

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


DRAFT = {"name": "Context", "shares": dict(HALVES.shares), "treatments": dict(HALVES.treatments)}


def said(command: Command, *arguments: str | Path, stdin: bytes | None = None) -> Any:
    done = command("experiment", *arguments, "--json", stdin=stdin)
    assert done.exit_code == 0, done.output
    return orjson.loads(done.stdout)


def test_an_experiment_is_drafted_started_and_stopped(command: Command, tmp_path: Path) -> None:
    (tmp_path / "context.json").write_bytes(orjson.dumps(DRAFT))
    made = said(command, "create", tmp_path / "context.json")
    assert {name: made[name] for name in DRAFT} == DRAFT
    experiment_id = made["experiment_id"]
    waiting = said(command, "result", experiment_id, "--report", tmp_path / "page.html")
    assert (waiting["result"], waiting["nothing_yet"]) == (None, "it was not started yet")
    assert "Nothing to see yet" in (tmp_path / "page.html").read_text()
    assert f"{experiment_id} is running" in command("experiment", "start", experiment_id).stdout
    assert "nobody has taken part yet" in command("experiment", "result", experiment_id).stdout
    table = command("experiment", "list", "--state", "running").stdout
    assert all(word in table for word in (experiment_id, "running", "Context", "control 5000, linear 5000", "default"))
    assert said(command, "stop", experiment_id)["state"] == "stopped"
    assert [each["state"] for each in said(command, "list")] == ["stopped"]
    assert said(command, "list", "--tenant", "other") == []


def test_what_ran_on_decisions_is_judged(command: Command, settings: Settings, tmp_path: Path) -> None:
    begin = datetime.now(UTC) - timedelta(days=2)
    with wired(settings) as wiring:
        _ = wiring.pseudonyms  # keys are made before there is data
        loop = loop_at(tmp_path / "streams", wiring.engine)
        experiment = started(wiring.engine, begin)
        ran(loop, experiment, {"control": 0.15, "linear": 0.5}, 600, begin=begin)
        loop.stream.close()
    page = tmp_path / "page.html"
    told = said(command, "result", experiment.experiment_id, "--tenant", "acme", "--report", page)
    assert (told["units"], told["result"]["decision"]["action"], told["result"]["decision"]["arm"]) == (
        600,
        "ship",
        "linear",
    )
    assert len(told["result"]["comparisons"][0]["looks"]) > 100
    assert "<strong>Ship linear</strong>" in page.read_text()
    rails = ("--guard-rail", "converted:0.2", "--goal", "clicked")
    table = command("experiment", "result", experiment.experiment_id, "--tenant", "acme", *rails).stdout
    assert all(word in table for word in ("clicked", "better", "converted", "open", "600 units, split as planned"))
    with wired(settings) as wiring:
        entries = [line.entry for line in wiring.rights.audit_verifier.entries()]
    assert [entry.people.count for entry in entries if entry.action == "experiment.judge"] == [600, 600]
    foreign = command("experiment", "result", experiment.experiment_id)
    assert (foreign.exit_code, "no such experiment" in foreign.stderr) == (1, True)


WRONG_RUNS: list[tuple[tuple[str, ...], bytes | None, int, str]] = [
    (("create", "-"), b"[1]", 2, "is no JSON object"),
    (("create", "-"), b"{}", 2, "missing required field"),
    (("create", "-"), orjson.dumps({**DRAFT, "colour": "red"}), 2, "fields of an experiment are"),
    (("create", "-"), orjson.dumps({**DRAFT, "shares": {"control": "half"}}), 2, "$.shares"),
    (("create", "-"), orjson.dumps({**DRAFT, "treatments": {"control": None, "linear": "luck"}}), 2, "null or one of"),
    (("create", "-"), orjson.dumps({**DRAFT, "campaign_id": "nothing"}), 1, "there is no such campaign"),
    (("start", "nothing"), None, 1, "there is no such experiment"),
    (("list", "--state", "gone"), None, 2, "--state: must be one of draft"),
    (("result", "nothing"), None, 1, "there is no such experiment"),
    (("result", "nothing", "--goal", "clicked:0.1"), None, 2, "a goal has no margin"),
]


@pytest.mark.parametrize(("arguments", "stdin", "code", "told"), WRONG_RUNS, ids=[each[3] for each in WRONG_RUNS])
def test_wrong_use_of_those_that_run_is_one_line_on_stderr(
    command: Command, arguments: tuple[str, ...], stdin: bytes | None, code: int, told: str
) -> None:
    done = command("experiment", *arguments, stdin=stdin)
    assert (done.exit_code, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert told in line


def test_the_command_has_help(command: Command) -> None:
    shown = command("experiment", "analyse", "--help")
    assert shown.exit_code == 0
    assert all(option in shown.stdout for option in ("--goal", "--guard-rail", "--share", "--report", "--json"))
