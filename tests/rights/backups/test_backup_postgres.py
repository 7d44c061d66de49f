"""Backups of an installation on PostgreSQL: the same promises, in one command each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from alphaads_pipelines.errors import ConfigurationError, InvalidRequest
from alphaads_pipelines.rights.backups import restore
from alphaads_pipelines.rights.erasure.erasure import Erasure
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring, wired
from deploy.servers import Postgres
from tests.equality import fingerprint
from tests.publishing import publish_batches
from tests.rights.backups.backing_up import Killed, back_up, erase, held, moved_to, restore_to, rows_of
from tests.rights.erasure.erasing import settings_of, subjects_of, take_posts

pytestmark = pytest.mark.integration


@pytest.fixture
def wiring(tmp_path: Path, postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wiring]:
    """A filled installation; no other process holds anything of it, so an erasure settles at once."""
    monkeypatch.setattr(Erasure, "settle_until", lambda _, request: request.opened_at)
    with wired(settings_of(tmp_path / "one", database_url=postgres_server.fresh_database())) as built:
        take_posts(built, "first", posts=30)
        publish_batches(built)
        yield built


@pytest.fixture
def new(wiring: Wiring, tmp_path: Path, postgres_server: Postgres) -> Settings:
    """Another machine with an empty database."""
    return settings_of(tmp_path / "two", database_url=postgres_server.fresh_database())


def test_what_is_restored_is_equal_counts_on_and_has_none_of_the_erased(
    wiring: Wiring, new: Settings, tmp_path: Path
) -> None:
    rows, was = rows_of(wiring), fingerprint(wiring)
    manifest = back_up(wiring, tmp_path / "backup")
    assert manifest.dialect == "postgresql"
    assert not any("subject_keys" in each.path for each in manifest.files)
    moved_to(wiring.settings, new)
    assert restore_to(tmp_path / "backup", new).restored.erased == 0
    with wired(new) as restored:
        assert rows_of(restored) == rows
        assert fingerprint(restored) == was
        for each in (wiring, restored):
            take_posts(each, "later", posts=30)
            publish_batches(each)
        assert fingerprint(restored) == fingerprint(wiring), "sequences go on where they were"
        gone = subjects_of(restored)[0]
        erase(restored, [gone])
    with pytest.raises(InvalidRequest, match="--force"):
        restore_to(tmp_path / "backup", new)
    done = restore_to(tmp_path / "backup", new, replace=True)
    assert done.restored.erased == 1
    with wired(new) as restored:
        assert held(restored, gone) == 0
        assert gone not in subjects_of(restored)
        fingerprint(restored)


def test_killed_between_the_database_and_the_home_the_same_command_begins_anew(
    wiring: Wiring, new: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(wiring, tmp_path / "backup")
    was = fingerprint(wiring)
    moved_to(wiring.settings, new)

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(restore, "_put_aside", killed)
        restore_to(tmp_path / "backup", new)
    with wired(new) as refused, pytest.raises(ConfigurationError, match="not finished"):
        assert refused.engine
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert fingerprint(restored) == was


def test_a_backup_goes_into_a_database_of_its_own_kind(wiring: Wiring, tmp_path: Path) -> None:
    back_up(wiring, tmp_path / "backup")
    sqlite = settings_of(tmp_path / "two")
    moved_to(wiring.settings, sqlite)
    with pytest.raises(InvalidRequest, match="DATABASE_URL"):
        restore_to(tmp_path / "backup", sqlite)
    assert not sqlite.alphaads_home.exists()


def test_the_keys_are_in_no_file_of_the_backup(wiring: Wiring, tmp_path: Path) -> None:
    with reading(wiring.engine) as connection:
        keys = connection.execute(sa.select(sql_table("subject_keys"))).all()
    back_up(wiring, tmp_path / "backup")
    for path in (each for each in (tmp_path / "backup").rglob("*") if each.is_file()):
        content = path.read_bytes()
        assert not any(bytes(row.wrapped_key) in content for row in keys), path
    assert keys
