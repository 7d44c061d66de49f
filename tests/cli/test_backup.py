"""`alphaads backup`: created, verified, restored, pruned by one command each."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import wired
from tests.cli.conftest import Command

POST = {"id": "1", "platform": "x", "author_id": "42", "text": "t", "created_at": "2026-10-05T07:06:30Z"}


def _take_in(settings: Settings) -> None:
    with wired(settings) as wiring:
        wiring.intake.take("generic", [POST], "c" * 32)


def test_one_command_each_way(command: Command, settings: Settings, tmp_path: Path) -> None:
    _take_in(settings)
    made = command("backup", "create", tmp_path / "b", "--json")
    assert made.exit_code == 0, made.output
    shown = orjson.loads(made.stdout)
    assert (shown["dialect"], shown["stream"], Path(shown["key_backup"]).exists()) == ("sqlite", "embedded", True)
    assert orjson.loads(command("backup", "verify", tmp_path / "b", "--json").stdout)["backup_id"] == shown["backup_id"]
    shutil.rmtree(settings.alphaads_home)
    restored = command("backup", "restore", tmp_path / "b", "--json")
    assert restored.exit_code == 0, restored.output
    done = orjson.loads(restored.stdout)
    expected = {"keys": 1, "keyless": 0, "erased": 0, "replaced_home": None, "backup_id": shown["backup_id"]}
    assert done == expected
    again = command("backup", "restore", tmp_path / "b")
    assert again.exit_code == 2
    assert "--force" in again.stderr
    by_force = command("backup", "restore", tmp_path / "b", "--force")
    assert by_force.exit_code == 0, by_force.output
    assert "is back: 1 keys, 0 people erased again" in by_force.stdout
    assert ".replaced-" in by_force.stderr
    with wired(settings) as wiring:
        assert sum(wiring.stream.end_offsets(settings.posts_topic).values()) == 1


def test_people_are_told_what_to_keep_where(command: Command, settings: Settings, tmp_path: Path) -> None:
    _take_in(settings)
    made = command("backup", "create", tmp_path / "b")
    assert made.exit_code == 0, made.output
    told = made.stderr.replace("\n", "")
    assert str(settings.key_file) in told
    assert str(settings.erasure_journal_path) in told
    assert str(settings.key_backups_path) in told
    assert settings.erasure_journal_path.exists()


def test_key_backups_are_made_and_pruned(command: Command, settings: Settings) -> None:
    _take_in(settings)
    assert command("backup", "keys").exit_code == 0
    with wired(settings) as wiring:
        old = wiring.rights.key_backups.create(wiring.engine, datetime.now(UTC) - timedelta(days=8))
    assert orjson.loads(command("backup", "prune", "--json").stdout) == {"deleted": [old.name]}
    assert "0 key backups" in command("backup", "prune").stdout
    assert len(list(settings.key_backups_path.glob("keys-*.db"))) == 1


def test_a_damaged_backup_is_told_by_the_name_of_the_file(command: Command, settings: Settings, tmp_path: Path) -> None:
    _take_in(settings)
    command("backup", "create", tmp_path / "b")
    (tmp_path / "b" / "relational.db").write_bytes(b"something else")
    refused = command("backup", "verify", tmp_path / "b")
    assert refused.exit_code == 2
    assert "relational.db" in refused.stderr
