"""`alphaads audit`: who touched whose data, and what was done to the log of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.audit.audits import change_lines, subject, write
from tests.cli.conftest import Command
from tests.publishing import publish_batches


@pytest.fixture
def chain(settings: Settings) -> Path:
    """A chain of three entries, of two unknown people."""
    with wired(settings) as wiring:
        for each in (1, 2, 1):
            write(wiring.audit, subject(each))
    [path] = settings.audit_path.glob("*.jsonl")
    return path


def _json(command: Command, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    done = command("audit", *arguments, "--json")
    assert done.exit_code == exit_code, done.output
    return dict(orjson.loads(done.stdout))


def test_a_log_that_nobody_touched_is_sound(command: Command, chain: Path) -> None:
    expected = {"sound": True, "chains": 1, "entries": 3, "checkpoints": 2, "uncovered": 0, "accepted": []}
    assert _json(command, "verify") == {**expected, "problems": []}
    assert _json(command, "verify", "--new")["chains"] == 0, "a signed end covers all of it"
    assert "entries 3" in command("audit", "verify").stdout


def test_a_deleted_entry_is_named_until_somebody_says_that_they_know(command: Command, chain: Path) -> None:
    change_lines(chain, lambda lines: [lines[0], lines[2]])
    problem = {"kind": "deleted", "where": chain.stem, "place": "entry 2"}
    assert _json(command, "verify", exit_code=1)["problems"] == [problem]
    told = command("audit", "verify")
    assert told.exit_code == 1
    assert f"deleted {chain.stem}: entry 2" in told.stdout
    assert command("audit", "accept", "no-such-chain").exit_code == 1
    assert command("audit", "accept", chain.stem).exit_code == 0
    verdict = _json(command, "verify")
    assert verdict["accepted"] == [chain.stem]
    assert verdict["sound"]
    entries = command("audit", "list", "--json").stdout.splitlines()
    assert [orjson.loads(line)["action"] for line in entries].count("audit.accept") == 2, "tried twice"


def test_a_broken_chain_gets_no_checkpoint(command: Command, settings: Settings) -> None:
    with wired(settings) as wiring:
        write(wiring.audit)
        write(wiring.audit)
        assert _json(command, "checkpoint") == {"signed": 1, "expired": 0, "problems": []}
        assert _json(command, "checkpoint") == {"signed": 0, "expired": 0, "problems": []}
        write(wiring.audit)
        [path] = settings.audit_path.glob("*.jsonl")
        change_lines(path, lambda lines: [lines[0].replace(b"tester", b"nobody"), *lines[1:]])
        assert _json(command, "checkpoint", exit_code=1)["signed"] == 0


def test_a_person_sees_who_touched_their_data(
    command: Command, posts_file: Callable[..., Path], settings: Settings
) -> None:
    done = command("ingest", posts_file("posts.jsonl", 60), "--platform", "generic", "--json")
    assert done.exit_code == 0, done.output
    with wired(settings) as wiring:
        publish_batches(wiring)
    looked = command("audit", "list", "--subject", "generic:a0", "--json")
    assert looked.exit_code == 0, looked.output
    rows = [orjson.loads(line) for line in looked.stdout.splitlines()]
    actions = [row["action"] for row in rows]
    assert actions[-1] == "audit.read"
    assert rows[-1]["actor"].startswith("cli:")
    assert "batch.accept" in actions, "runs that had their posts are found by the batch"
    everything = [orjson.loads(line) for line in command("audit", "list", "--json").stdout.splitlines()]
    assert {"posts.take_in", "batch.publish", "audit.read"} <= {row["action"] for row in everything}
    nobody = command("audit", "list", "--subject", "generic:nobody-here", "--json")
    assert nobody.exit_code == 1
    assert "nobody-here" not in nobody.output
    later = command("audit", "list", "--since", "2100-01-01", "--json")
    assert later.stdout == ""


def test_what_the_table_shows(command: Command, chain: Path) -> None:
    shown = command("audit", "list").stdout
    assert all(word in shown for word in ("profile.read", "api:tester", "analytics"))
