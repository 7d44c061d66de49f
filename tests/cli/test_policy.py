"""`alphaads policy`: what serves, promotion that is refused with its numbers, canary, shadow and the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from alphaads_pipelines.bandits.policy_store import read_roles
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.bandits import worlds
from tests.cli.conftest import Command


@pytest.fixture
def logged(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Decisions of the last days, and two candidates that were taught before."""
    now = datetime.now(UTC)
    monkeypatch.setattr(worlds, "BEGIN", now - timedelta(days=10))
    with wired(settings) as wiring:
        worlds.decide(wiring.engine, 4_000, end=now - timedelta(days=2))
        for policy in (worlds.who_knows(), worlds.who_has_it_wrong()):
            worlds.keep(wiring.engine, policy, now - timedelta(days=11))
    return settings


def _json(command: Command, *arguments: str, code: int = 0) -> Any:
    done = command("policy", *arguments, "--json")
    assert done.exit_code == code, done.output
    return orjson.loads(done.stdout)


def _serving(settings: Settings) -> str:
    with wired(settings) as wiring:
        return read_roles(wiring.engine)[1].serving.policy


def test_a_new_installation_is_served_by_thompson(command: Command) -> None:
    shown = _json(command, "list")
    assert shown["roles"]["serving"] == {"policy": "thompson", "version": None}
    assert shown["policies"]["linucb"] == {"version": 0, "taught_at": None}
    table = command("policy", "list").stdout
    assert "serves" in table
    assert "never" in table


def test_a_better_policy_is_promoted_and_rolled_back(command: Command, logged: Settings) -> None:
    judged = _json(command, "evaluate", "linear_thompson")
    assert judged["is_better"] is True
    assert judged["evaluation"]["estimates"]["dr"]["low"] > judged["evaluation"]["diagnostics"]["on_policy"]["value"]
    promoted = _json(command, "promote", "linear_thompson")
    assert promoted["serving"] == _serving(logged) == "linear_thompson"
    assert promoted["judgement"]["records"] == judged["records"] == 4_000
    listed = command("policy", "list").stdout
    assert "promote linear_thompson" in listed
    back = command("policy", "rollback")
    assert (back.exit_code, _serving(logged)) == (0, "thompson")
    assert "roll back to thompson: done, from the next answer on" in back.stdout
    assert _json(command, "rollback")["serving"]["policy"] == "linear_thompson", "once more undoes it"


def test_a_worse_policy_is_refused_with_the_numbers_and_nothing_changes(command: Command, logged: Settings) -> None:
    done = command("policy", "promote", "linucb")
    assert (done.exit_code, done.stdout, _serving(logged)) == (1, "", "thompson")
    assert "linucb is not promoted: the lower bound of dr, 0." in done.stderr
    assert "does not beat the incumbent's 0." in done.stderr
    assert _json(command, "evaluate", "linucb", code=1)["is_better"] is False
    shown = command("policy", "evaluate", "linucb")
    assert all(word in shown.stdout for word in ("on 4,000 decisions of thompson", "snips", "switch_dr"))
    assert "not better: the lower bound" in shown.stderr


def test_where_there_is_nothing_to_judge_it_is_said(command: Command, tmp_path: Path) -> None:
    done = command("policy", "promote", "linucb")
    assert done.exit_code == 1
    assert "0 closed decisions of thompson came after that version, 50 are needed" in done.stderr
    assert _json(command, "evaluate", "linucb", code=1)["evaluation"] is None
    done = command("policy", "evaluate", "linucb", "--report", tmp_path / "page.html")
    assert (done.exit_code, (tmp_path / "page.html").exists()) == (2, False)


def test_an_evaluation_becomes_a_page(command: Command, logged: Settings, tmp_path: Path) -> None:
    command("policy", "evaluate", "linear_thompson", "--report", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "decisions of thompson" in page
    assert "linear_thompson as of version 1" in page


def test_canary_and_shadow_begin_and_end(command: Command, settings: Settings) -> None:
    assert _json(command, "canary", "linucb")["canary"] == {"policy": "linucb", "share": 0.05, "version": None}
    assert _json(command, "canary", "linear_thompson", "--share", "0.2")["canary"]["share"] == 0.2
    assert _json(command, "shadow", "random", "linucb")["shadow"] == ["random", "linucb"]
    listed = command("policy", "list").stdout
    assert "canary, share 0.2" in listed
    assert listed.count("shadow") >= 2
    assert _json(command, "canary", "--end")["canary"] is None
    ended = _json(command, "shadow")
    assert ended["shadow"] == []
    assert len(ended["history"]) == 5
    assert all(change["by"].startswith("cli:") for change in ended["history"])


WRONG_USES = [
    (("promote", "crystal_ball"), "POLICY: is none; known: epsilon_greedy"),
    (("promote", "thompson"), "thompson serves already"),
    (("canary",), "NAME: give a policy, or --end"),
    (("canary", "linucb", "--end"), "NAME: give a policy, or --end"),
    (("canary", "--end"), "there is no canary"),
    (("canary", "linucb", "--share", "0.6"), "share of a canary lies above 0 and is at most 0.5"),
    (("canary", "thompson"), "thompson serves already"),
    (("shadow", "crystal_ball"), "POLICY: is none"),
    (("rollback",), "nothing to roll back"),
]


@pytest.mark.parametrize(("arguments", "told"), WRONG_USES, ids=[" ".join(each) for each, _ in WRONG_USES])
def test_wrong_use_is_one_line_on_stderr(command: Command, arguments: tuple[str, ...], told: str) -> None:
    done = command("policy", *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_version_that_is_gone_is_told(command: Command) -> None:
    done = command("policy", "evaluate", "linucb", "--version", "7")
    assert done.exit_code == 1
    assert "linucb as of version 7 is not kept" in done.stderr
