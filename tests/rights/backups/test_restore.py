"""Restores: equal to the backup, without people erased since, and unusable until finished."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from alphaads_pipelines.errors import ConfigurationError, InvalidRequest
from alphaads_pipelines.rights.backups import restore
from alphaads_pipelines.schema.tables import RAW_POSTS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from api.app import create_app
from tests.equality import fingerprint
from tests.publishing import publish_batches
from tests.rights.backups.backing_up import Killed, back_up, erase, held, restore_to, rows_of
from tests.rights.erasure.erasing import subjects_of, take_posts
from tests.scanner import Scanner

# --- equal -----------------------------------------------------------------------------------------------------------


def test_what_is_restored_elsewhere_is_equal_and_goes_on(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    manifest = back_up(one, tmp_path / "backup")
    was, rows = fingerprint(one), rows_of(one)
    new = elsewhere()
    done = restore_to(tmp_path / "backup", new)
    assert (done.backup_id, done.replaced) == (manifest.backup_id, None)
    assert (done.restored.erased, done.restored.keyless) == (0, 0)
    with wired(new) as restored:
        assert fingerprint(restored) == was
        assert rows_of(restored) == rows
        assert restored.stream.end_offsets("ads.decisions") == one.stream.end_offsets("ads.decisions")
        assert len(list(new.spool_path.glob("*.spool"))) == len(list(one.settings.spool_path.glob("*.spool"))) > 0
        for each in (one, restored):
            take_posts(each, "later")
            publish_batches(each)
        assert fingerprint(restored) == fingerprint(one) != was


# --- where something is already --------------------------------------------------------------------------------------


def test_a_home_that_is_not_empty_is_replaced_by_force_alone_and_kept_aside(one: Wiring, tmp_path: Path) -> None:
    back_up(one, tmp_path / "backup")
    was = fingerprint(one)
    take_posts(one, "later")
    publish_batches(one)
    later = fingerprint(one)
    one.audit.record(action="a.b", purpose="operation", actor="cli:t", resource="r")
    chains = {path.name: path.stat().st_size for path in one.settings.audit_path.rglob("*") if path.is_file()}
    one.close()
    with pytest.raises(InvalidRequest, match="--force"):
        restore_to(tmp_path / "backup", one.settings)
    with wired(one.settings) as untouched:
        assert fingerprint(untouched) == later
    done = restore_to(tmp_path / "backup", one.settings, replace=True)
    with wired(one.settings) as restored:
        assert fingerprint(restored) == was
    assert done.replaced is not None
    assert (done.replaced / "relational.db").exists()
    kept = {path.name: path.stat().st_size for path in one.settings.audit_path.rglob("*") if path.is_file()}
    assert all(kept.get(name, 0) >= size for name, size in chains.items()), "the audit log loses nothing"


def test_a_home_without_a_database_is_not_empty_either(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(one, tmp_path / "backup")
    new = elsewhere()
    (new.alphaads_home / "models").mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="not empty"):
        restore_to(tmp_path / "backup", new)
    (new.alphaads_home / "models").rmdir()
    restore_to(tmp_path / "backup", new)


def test_without_the_key_file_nothing_is_restored_and_none_is_made(
    one: Wiring, tmp_path: Path, elsewhere: Callable[..., Settings]
) -> None:
    back_up(one, tmp_path / "backup")
    new = elsewhere()
    new.key_file.unlink()
    with pytest.raises(InvalidRequest, match="ALPHAADS_KEY_FILE"):
        restore_to(tmp_path / "backup", new)
    assert not new.key_file.exists()


# --- erased since ----------------------------------------------------------------------------------------------------


def test_an_old_backup_brings_nobody_back_who_was_erased_since(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(one, tmp_path / "backup")
    everybody = subjects_of(one)
    gone, others = everybody[:2], everybody[2:]
    erase(one, gone)
    one.rights.key_backups.create(one.engine, datetime.now(UTC))
    new = elsewhere()
    done = restore_to(tmp_path / "backup", new)
    assert done.restored.erased == 2
    assert done.restored.keyless == 0
    with wired(new) as restored:
        assert [held(restored, subject) for subject in gone] == [0, 0]
        assert all(held(restored, subject) for subject in others)
        assert subjects_of(restored) == others
        fingerprint(restored)  # the others' posts can all be opened
        take_posts(restored, "again")
        publish_batches(restored)
        assert subjects_of(restored) == others, "intake takes nothing more of them"
    assert Scanner(gone).scan(new.alphaads_home) == set()


def test_an_erasure_that_was_under_way_when_the_backup_was_made_is_finished_first(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    gone = subjects_of(one)[0]
    one.rights.erasure.begin(gone, "e" * 32)
    back_up(one, tmp_path / "backup")
    new = elsewhere()
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert held(restored, gone) == 0
        assert restored.rights.erasure.pending() == []
    assert Scanner([gone]).scan(new.alphaads_home) == set()


@pytest.mark.parametrize("place", ["_restore_keys", "clear"])
def test_killed_in_the_middle_nothing_serves_until_the_same_command_was_run_again(
    one: Wiring,
    elsewhere: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    back_up(one, tmp_path / "backup")
    gone = subjects_of(one)[0]
    erase(one, [gone])
    new = elsewhere()

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(restore if place.startswith("_") else restore.restore_guard, place, killed)
        restore_to(tmp_path / "backup", new)
    with wired(new) as refused:
        for start in (lambda: refused.engine, lambda: TestClient(create_app(refused)).__enter__()):
            with pytest.raises(ConfigurationError, match="backup restore"):
                start()
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert held(restored, gone) == 0
        assert len(subjects_of(restored)) == 7
        fingerprint(restored)


def test_killed_before_the_home_is_there_the_same_command_begins_anew(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(one, tmp_path / "backup")
    was, new = fingerprint(one), elsewhere()

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(restore, "_put_aside", killed)
        patch.setattr(restore.shutil, "rmtree", lambda *_, **__: None)  # kill -9 cleans nothing up
        restore_to(tmp_path / "backup", new)
    assert not new.alphaads_home.exists()
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert fingerprint(restored) == was


def test_without_the_newest_journal_nothing_is_served(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    gone = subjects_of(one)[0]
    erase(one, [gone])
    back_up(one, tmp_path / "backup")
    new = elsewhere()
    journal = new.erasure_journal_path.read_bytes()
    new.erasure_journal_path.unlink()
    with pytest.raises(InvalidRequest, match="is missing"):
        restore_to(tmp_path / "backup", new)
    new.erasure_journal_path.touch()
    with pytest.raises(InvalidRequest, match="not the newest"):
        restore_to(tmp_path / "backup", new)
    with wired(new) as refused, pytest.raises(ConfigurationError, match="not finished"):
        assert refused.engine
    new.erasure_journal_path.write_bytes(journal)
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert held(restored, gone) == 0


def test_a_journal_that_is_lost_for_good_is_made_again_of_what_the_backup_knows(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    gone = subjects_of(one)[0]
    erase(one, [gone])
    back_up(one, tmp_path / "backup")
    new = elsewhere()
    entries = {each.mac for each in one.rights.erasure_journal.entries()}
    new.erasure_journal_path.unlink()
    restore_to(tmp_path / "backup", new, without_journal=True)
    with wired(new) as restored:
        assert {each.mac for each in restored.rights.erasure_journal.entries()} == entries


def test_replacing_a_store_keeps_what_it_knows_of_erasures_even_if_the_journal_was_lost(
    one: Wiring, tmp_path: Path
) -> None:
    back_up(one, tmp_path / "backup")
    gone = subjects_of(one)[0]
    erase(one, [gone])
    one.settings.erasure_journal_path.write_bytes(b"")
    one.close()
    assert restore_to(tmp_path / "backup", one.settings, replace=True).restored.erased == 1
    with wired(one.settings) as restored:
        assert held(restored, gone) == 0


# --- the keys --------------------------------------------------------------------------------------------------------


def _age(settings: Settings, days: float) -> None:
    """Make key backups look as they will after some days."""
    for path in settings.key_backups_path.glob("keys-*.db"):
        made = datetime.strptime(path.name[5:21], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) - timedelta(days=days)
        path.rename(path.with_name(f"keys-{made:%Y%m%dT%H%M%SZ}{path.name[21:]}"))


def test_once_the_key_backups_are_over_what_is_sealed_stays_sealed(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(one, tmp_path / "backup")
    new = elsewhere()
    _age(new, 7.1)
    [over] = new.key_backups_path.glob("keys-*.db")
    for options in ({}, {"keys": over}):
        with pytest.raises(InvalidRequest, match="KEY_BACKUP_DAYS"):
            restore_to(tmp_path / "backup", new, **options)
    done = restore_to(tmp_path / "backup", new, without_keys=True)
    assert (done.restored.keys, done.restored.keyless) == (0, 8)
    with wired(new) as restored:
        raw = restored.lake.scan(RAW_POSTS).collect()
        assert raw.height > 0
        assert all(post is None for post in restored.batch_reader.unseal_posts(raw))
        everybody = subjects_of(restored)
        take_posts(restored, "later")
        publish_batches(restored)
        assert subjects_of(restored) == everybody, "they are known, and what they write now is sealed under new keys"
        opened = restored.batch_reader.unseal_posts(restored.lake.scan(RAW_POSTS).collect())
        assert sum(post is not None for post in opened) == 60
        assert restored.rights.key_backups.prune(datetime.now(UTC)) == [over]


def test_a_newer_key_backup_serves_an_older_backup_of_the_data(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(one, tmp_path / "backup")
    was = fingerprint(one)
    for path in one.settings.key_backups_path.glob("keys-*.db"):
        path.unlink()
    one.rights.key_backups.create(one.engine, datetime.now(UTC))
    new = elsewhere()
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert fingerprint(restored) == was


def test_a_key_backup_of_another_key_file_or_from_before_a_rotation_is_refused_by_its_name(
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(one, tmp_path / "backup")
    new = elsewhere()
    [path] = new.key_backups_path.glob("keys-*.db")
    ring = one.key_ring.begin()
    content = one.key_ring.drop(ring.former)
    assert content.former == frozenset()
    shutil.copy2(one.settings.key_file, new.key_file)
    with pytest.raises(InvalidRequest, match=path.name):
        restore_to(tmp_path / "backup", new)
    with wired(new) as refused, pytest.raises(ConfigurationError, match="not finished"):
        assert refused.engine
