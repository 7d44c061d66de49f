"""`alphaads keys`: the rotation by command, and what it shows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import orjson

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.cli.conftest import Command

POST = {"id": "1", "platform": "x", "author_id": "42", "text": "t", "created_at": "2026-10-05T07:06:30Z"}


def test_a_rotation_by_command_goes_from_one_key_to_the_next(command: Command, settings: Settings) -> None:
    with wired(settings) as wiring:
        wiring.intake.take("generic", [POST], "c")
        wiring.rights.key_backups.create(wiring.engine, datetime.now(UTC))
    before = orjson.loads(command("keys", "status", "--json").stdout)
    assert before["wrapped_keys"] == {before["newest"]: 1}
    assert (before["former"], before["is_rotating"]) == ([], False)
    rotated = command("keys", "rotate", "--json")
    assert rotated.exit_code == 0, rotated.output
    done = orjson.loads(rotated.stdout)
    assert done == {"kek_id": done["kek_id"], "rewrapped_keys": 1, "dropped": [before["newest"]]}
    after = orjson.loads(command("keys", "status", "--json").stdout)
    assert after == {"newest": done["kek_id"], "former": [], "wrapped_keys": {done["kek_id"]: 1}, "is_rotating": False}
    again = command("keys", "rotate")
    assert "1 data keys" in again.stdout
    assert "back up" in again.stderr
    _holds_no_key(again.output + rotated.output, settings.key_file)


def test_a_rotation_that_was_begun_shows(command: Command, settings: Settings) -> None:
    with wired(settings) as wiring:
        wiring.intake.take("generic", [POST], "c")
        wiring.key_ring.begin()
    assert orjson.loads(command("keys", "status", "--json").stdout)["is_rotating"] is True
    shown = command("keys", "status")
    assert "finishes the rotation" in shown.stdout
    _holds_no_key(shown.output, settings.key_file)


def _holds_no_key(output: str, key_file: Path) -> None:
    content = orjson.loads(key_file.read_bytes())
    secrets = [content["kek"], *content["former_keks"].values()]
    assert secrets
    assert not any(secret in output for secret in secrets)
