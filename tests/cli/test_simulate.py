"""`alphaads simulate`: regret as JSON or a table, a page, a log for `alphaads ope`, and errors before any work."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import Command

SMALL = ("--decisions", "400", "--seeds", "2")


def test_json_holds_what_each_policy_regrets(command: Command) -> None:
    given = ("simulate", *SMALL, "--policy", "random", "--policy", "thompson", "--json")
    done = command(*given)
    assert done.exit_code == 0, done.output
    [line] = done.stdout.splitlines()
    found = orjson.loads(line)
    assert (found["world"], found["decisions"], found["seeds"], found["changes"]) == ("stationary", 400, [1, 2], [])
    assert set(found["policies"]) == {"random", "thompson"}
    for each in found["policies"].values():
        assert each["low"] <= each["regret"] <= each["high"]
        assert each["curve"] == sorted(each["curve"]), "nobody regrets less than nothing"
        assert each["curve"][-1] == pytest.approx(each["regret"], abs=0.11)
        assert sum(each["by_seed"]) / 2 == pytest.approx(each["regret"], abs=0.11)
    assert found["policies"]["random"]["regret"] == pytest.approx(found["regret_of_random"], rel=0.2)


def test_a_seed_is_the_same_run_again(command: Command) -> None:
    told = [
        orjson.loads(
            command(
                "simulate", "--decisions", "200", "--seeds", "1", "--seed", seed, "--policy", "linucb", "--json"
            ).stdout
        )
        for seed in "334"
    ]
    assert told[0] == told[1]
    assert told[0]["policies"] != told[2]["policies"]


def test_all_installed_policies_stand_in_the_table_the_best_first(command: Command) -> None:
    done = command("simulate", "--decisions", "300", "--seeds", "1", "--world", "drifting")
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert {"epsilon_greedy", "thompson", "linucb", "linear_thompson", "random"} <= {row[0] for row in rows}
    regrets = [int(row[1]) for row in rows]
    assert regrets == sorted(regrets)
    assert "drifting world: 300 decisions" in done.stdout


def test_a_page_with_the_curves_is_written(command: Command, tmp_path: Path) -> None:
    done = command(
        "simulate",
        "--decisions",
        "300",
        "--seeds",
        "1",
        "--policy",
        "linucb",
        "--world",
        "drifting",
        "--report",
        tmp_path / "page.html",
        "--json",
    )
    assert orjson.loads(done.stdout)["changes"]
    page = (tmp_path / "page.html").read_text()
    assert "data:image/png;base64" in page
    assert "<th>linucb</th>" in page
    assert "http" not in page.replace("http-equiv", "")


def test_its_log_can_be_evaluated_and_tells_what_was_earned(command: Command, tmp_path: Path) -> None:
    done = command(
        "simulate", "--decisions", "2000", "--seeds", "1", "--policy", "random", "--log", tmp_path / "log.csv", "--json"
    )
    assert done.exit_code == 0, done.output
    rows = [line.split(",") for line in (tmp_path / "log.csv").read_text().splitlines()[1:]]
    assert 0.85 < len(rows) / 2_000 < 0.95, "a tenth of the ads is never seen"
    assert {row[3] for row in rows} == {"0.1"}
    judged = orjson.loads(command("ope", "--log", tmp_path / "log.csv", "--policy", "random", "--json").stdout)
    clicks = sum(int(row[2]) for row in rows)
    assert judged["estimates"]["ips"]["value"] == pytest.approx(clicks / len(rows))
    assert judged["diagnostics"]["problems"] == []
    assert clicks <= orjson.loads(done.stdout)["policies"]["random"]["clicks"]
    learned = command("ope", "--log", tmp_path / "log.csv", "--policy", "linucb", "--json")
    assert orjson.loads(learned.stdout)["n"] == len(rows) - len(rows) // 2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--policy", "psychic"), "unknown policy 'psychic'; known:"),
        (("--world", "flat"), "flat"),
        (("--decisions", "0"), "--decisions"),
        (("--seeds", "0"), "--seeds"),
        (("--seed", "-1"), "--seed"),
        (("--report", "nowhere/page.html"), "nowhere/page.html cannot be written"),
        (("--log", "log.csv", "--world", "drifting"), "creatives come and go"),
    ],
)
def test_what_cannot_be_meant_is_told_before_any_work(command: Command, given: tuple[str, ...], told: str) -> None:
    done = command("simulate", *given)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert told in done.stderr
    assert "Traceback" not in done.output


def test_a_full_default_run_is_described(command: Command) -> None:
    done = command("simulate", "--help")
    assert done.exit_code == 0
    for option in ("--policy", "--world", "--decisions", "--seeds", "--seed", "--report", "--log", "--json"):
        assert option in done.stdout
