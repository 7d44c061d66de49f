"""`alphaads ope`: estimates as JSON or a table, a report, and errors that name the line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from benchmarks.logged import SHAPES, World
from tests.bandits.ope.open_bandit_files import save_log
from tests.cli.conftest import Command

WORLD = World(SHAPES["even weights"])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    sampled = WORLD.log(600, seed=1)
    return save_log(tmp_path / "log.csv", replace(sampled, positions=np.arange(600) % 2 + 1))


def test_json_holds_n_estimates_and_diagnostics(command: Command, log: Path) -> None:
    done = command("ope", "--log", log, "--format", "obd", "--policy", "random", "--json")
    assert done.exit_code == 0, done.output
    [line] = done.stdout.splitlines()
    found = orjson.loads(line)
    assert set(found) == {"n", "effective_samples", "estimates", "diagnostics"}
    assert set(found["estimates"]) == {"ips", "clipped_ips", "snips", "dr", "switch_dr"}
    assert all(each["low"] <= each["value"] <= each["high"] for each in found["estimates"].values())
    assert found["diagnostics"]["problems"] == []


def test_ips_and_effective_samples_are_what_anybody_computes_from_the_file(command: Command, log: Path) -> None:
    rows = [line.split(",") for line in log.read_text().splitlines()[1:]]
    weights = np.array([0.1 / float(row[3]) for row in rows])
    found = orjson.loads(command("ope", "--log", log, "--policy", "random", "--json").stdout)
    assert found["n"] == 600
    assert found["estimates"]["ips"]["value"] == pytest.approx(np.mean(weights * [float(row[2]) for row in rows]))
    assert found["effective_samples"] == pytest.approx(weights.sum() ** 2 / (weights**2).sum())


def test_the_same_seed_gives_the_same_answer(command: Command, log: Path) -> None:
    answers = [command("ope", "--log", log, "--policy", "thompson", "--json", "--seed", each).stdout for each in "001"]
    assert answers[0] == answers[1] != answers[2]
    assert orjson.loads(answers[0])["n"] == 300, "it learned from the first half"


def test_one_slot_can_be_evaluated(command: Command, log: Path) -> None:
    found = orjson.loads(command("ope", "--log", log, "--policy", "random", "--position", "2", "--json").stdout)
    assert found["n"] == 300
    nobody = command("ope", "--log", log, "--policy", "random", "--position", "3", "--json")
    assert (nobody.exit_code, nobody.stdout) == (2, "")
    assert "--position" in nobody.stderr


def test_the_table_stands_beside_the_logs_own_policy_and_problems_are_told(command: Command, tmp_path: Path) -> None:
    sound = WORLD.log(3_000, seed=1)
    path = save_log(tmp_path / "broken.csv", replace(sound, propensities=sound.propensities / 2))
    done = command("ope", "--log", path, "--policy", "random")
    assert done.exit_code == 0, done.output
    names = [line.split("  ")[0].strip() for line in done.stdout.splitlines()]
    assert names == [
        "random on broken.csv",
        "estimator",
        "the log's policy",
        "ips",
        "clipped_ips",
        "snips",
        "dr",
        "switch_dr",
    ]
    assert "3,000 records" in done.stderr
    assert "problem: the weights have the mean" in done.stderr


def test_a_report_is_written_beside_the_answer(command: Command, log: Path, tmp_path: Path) -> None:
    done = command("ope", "--log", log, "--policy", "random", "--json", "--report", tmp_path / "report.html")
    assert orjson.loads(done.stdout)["n"] == 600
    assert "data:image/png;base64" in (tmp_path / "report.html").read_text()


def test_what_cannot_be_read_is_wrong_use_with_its_line(command: Command, log: Path) -> None:
    lines = log.read_text().splitlines()
    lines[3] = lines[3].replace(lines[3].split(",")[3], "0")
    log.write_text("\n".join(lines))
    done = command("ope", "--log", log, "--policy", "random", "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    [message] = done.stderr.splitlines()
    assert message == "error: log.csv line 4: propensity_score must be above 0 and at most 1"


@pytest.mark.parametrize(
    ("given", "code", "told"),
    [
        (("--policy", "psychic"), 2, "unknown policy 'psychic'; known:"),
        (("--policy", "random", "--format", "csv"), 2, "csv"),
        ((), 2, "--policy"),
        (("--policy", "random", "--log", "nowhere.csv"), 1, "nowhere.csv"),
    ],
)
def test_what_cannot_be_meant_is_told(
    command: Command, log: Path, given: tuple[str, ...], code: int, told: str
) -> None:
    done = command("ope", "--log", log, *given)
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.output
