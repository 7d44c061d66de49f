"""Backups: one consistent state, whole or refused by the name of the file; restored, equal, and without the erased."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
import sqlalchemy as sa

from alphaads_pipelines.errors import ConfigurationError, InvalidRequest, StoreUnavailable
from alphaads_pipelines.rights import backup, restore
from alphaads_pipelines.rights import erasure as erasing
from alphaads_pipelines.rights.backup import create_backup
from alphaads_pipelines.rights.backup_files import MANIFEST, Manifest, read_manifest, verify
from alphaads_pipelines.runtime import backups
from alphaads_pipelines.runtime.backups import Done, Wishes, backed_up
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.delta import DeltaLake
from alphaads_pipelines.stores.relational import METADATA, reading, sql_table
from alphaads_pipelines.tables import LAKE_TABLES, RAW_POSTS, REJECTED_POSTS
from alphaads_pipelines.wiring import Wiring, wired
from tests.equality import fingerprint
from tests.publishing import publish_batches
from tests.rights.erasing import fill, settings_of, subjects_of, take_posts
from tests.scanner import Scanner


class Killed(BaseException):
    """Stands for kill -9: no handler of the code under test sees it."""


@pytest.fixture(autouse=True)
def settle_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process holds anything in these tests."""
    monkeypatch.setattr(erasing, "_SETTLE", timedelta(0))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(settings_of(folder))
    return folder


@pytest.fixture
def settings(filled: Path, tmp_path: Path) -> Settings:
    """Settings of a filled installation."""
    shutil.copytree(filled, tmp_path / "one")
    return settings_of(tmp_path / "one")


@pytest.fixture
def wiring(settings: Settings) -> Iterator[Wiring]:
    with wired(settings) as built:
        yield built


def back_up(wiring: Wiring, folder: Path) -> Manifest:
    """What the command does."""
    now = datetime.now(UTC)
    wiring.erasure_journal.catch_up(wiring.engine, now)
    manifest = create_backup(backed_up(wiring), folder, now, lambda _: None)
    wiring.key_backups.create(wiring.engine, now)
    return manifest


def restore_to(folder: Path, settings: Settings, **wishes: Any) -> Done:
    return backups.restore(settings, folder, Wishes(**wishes), lambda *_: None)


def moved_to(old: Settings, new: Settings) -> None:
    """Bring a new machine what lies outside of backups: key file, erasure journal, key backups."""
    new.key_file.parent.mkdir()
    shutil.copy2(old.key_file, new.key_file)
    shutil.copy2(old.erasure_journal_path, new.erasure_journal_path)
    shutil.copytree(old.key_backups_path, new.key_backups_path)


@pytest.fixture
def elsewhere(settings: Settings, tmp_path: Path) -> Callable[..., Settings]:
    """A new machine with the key file, the erasure journal and the key backups of the old one."""

    def prepare(name: str = "two") -> Settings:
        new = settings_of(tmp_path / name)
        moved_to(settings, new)
        return new

    return prepare


def _rows(wiring: Wiring) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the relational store, but what a restore itself changes."""
    own = {"key_generation", "active_kek", "audit_heads"}
    with reading(wiring.engine) as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))  # type: ignore[misc]
            for table in METADATA.sorted_tables
            if table.name not in own
        }


# --- equal -----------------------------------------------------------------------------------------------------------


def test_what_is_restored_elsewhere_is_equal_and_goes_on(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    manifest = back_up(wiring, tmp_path / "backup")
    was, rows = fingerprint(wiring), _rows(wiring)
    new = elsewhere()
    done = restore_to(tmp_path / "backup", new)
    assert (done.backup_id, done.replaced) == (manifest.backup_id, None)
    assert (done.restored.erased, done.restored.keyless) == (0, 0)
    with wired(new) as restored:
        assert fingerprint(restored) == was
        assert _rows(restored) == rows
        assert restored.stream.end_offsets("ads.decisions") == wiring.stream.end_offsets("ads.decisions")
        assert len(list(new.spool_path.glob("*.spool"))) == len(list(wiring.settings.spool_path.glob("*.spool"))) > 0
        for each in (wiring, restored):
            take_posts(each, "later")
            publish_batches(each)
        assert fingerprint(restored) == fingerprint(wiring) != was


def test_the_keys_are_in_no_backup_of_the_data(wiring: Wiring, settings: Settings, tmp_path: Path) -> None:
    with reading(wiring.engine) as connection:
        keys = connection.execute(sa.select(sql_table("subject_keys"))).all()
    secrets = msgspec.json.decode(settings.key_file.read_bytes())
    master = [value for name, value in secrets.items() if name not in ("version", "kek_id", "former_keks")]
    back_up(wiring, tmp_path / "backup")
    raw = [bytes(row.wrapped_key) for row in keys]
    for path in (each for each in (tmp_path / "backup").rglob("*") if each.is_file()):
        content = path.read_bytes()
        assert not any(wrapped in content for wrapped in raw), path
    assert Scanner(master).scan(tmp_path / "backup") == set()
    assert raw[0] in b"".join(path.read_bytes() for path in settings.key_backups_path.glob("*.db")), "they are there"


def test_only_the_files_that_the_version_needs_are_copied(wiring: Wiring, tmp_path: Path) -> None:
    back_up(wiring, tmp_path / "backup")
    lake = DeltaLake(wiring.settings.lake_path)
    on_disk = {path.name for path in (wiring.settings.lake_path / RAW_POSTS.name).rglob("*.parquet")}
    needed = {Path(path).name for path in lake.files(RAW_POSTS)}
    copied = {path.name for path in (tmp_path / "backup" / "lake" / RAW_POSTS.name).rglob("*.parquet")}
    assert needed <= copied
    with reading(wiring.engine) as connection:
        pointers = connection.execute(sa.select(sql_table("published").c.versions)).scalars().all()
    published = {Path(path).name for each in pointers for path in lake.files(RAW_POSTS, each[RAW_POSTS.name])}
    assert copied - {name for name in copied if "checkpoint" in name} == needed | published
    assert on_disk - copied, "the replay left files that no version needs which anybody reads"


# --- under load ------------------------------------------------------------------------------------------------------


def _counted(wiring: Wiring) -> tuple[int, int]:
    """Posts and rejects that the ledger says are published, and those in the lake, whose batches it must know."""
    committed = wiring.ledger.batches(state="committed", limit=10_000)
    counts = [each.counts for each in committed if each.counts]
    known = {each.seq for each in wiring.ledger.batches(limit=10_000)}
    lake = 0
    for table in (RAW_POSTS, REJECTED_POSTS):
        rows = wiring.lake.scan(table).select("batch_seq").collect()["batch_seq"]
        assert set(rows) <= known, "a row of a batch that the ledger does not know"
        lake += len(rows)
    return sum(each.accepted + each.rejected for each in counts), lake


def test_a_backup_under_load_is_of_one_moment(
    wiring: Wiring, settings: Settings, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        with wired(settings) as busy:
            while not stop.is_set():
                take_posts(busy, f"load{len(written)}", posts=20)
                publish_batches(busy)
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(2):
            so_far = len(written)
            back_up(wiring, tmp_path / f"backup{number}")
            while len(written) == so_far and writer.is_alive():
                stop.wait(0.01)
    finally:
        stop.set()
        writer.join(60)
    assert len(written) >= 2, "nothing was written meanwhile"
    counts = []
    for number in range(2):
        new = elsewhere(f"new{number}")
        restore_to(tmp_path / f"backup{number}", new)
        with wired(new) as restored:
            _counted(restored)
            publish_batches(restored)
            published, lake = _counted(restored)
            assert published == lake
            counts.append(lake)
            assert all(restored.stream.end_offsets(topic) for topic in ("posts.raw", "ads.decisions"))
            fingerprint(restored)  # every post can be opened, none is there twice
    assert counts == sorted(counts)


def test_files_that_go_away_while_they_are_copied_are_no_matter(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, files = [], backup.version_files

    def vanishing(*arguments: Any) -> Iterator[Path]:
        if not once:
            once.append(1)
            yield Path("raw_posts/gone.parquet")
        yield from files(*arguments)

    monkeypatch.setattr(backup, "version_files", vanishing)
    back_up(wiring, tmp_path / "backup")
    restore_to(tmp_path / "backup", elsewhere())
    monkeypatch.setattr(backup, "version_files", lambda *_: iter([Path("raw_posts/gone.parquet")]))
    with pytest.raises(StoreUnavailable, match="backup"):
        back_up(wiring, tmp_path / "second")
    assert not (tmp_path / "second").exists()
    assert not (tmp_path / "second.part").exists()


# --- whole or refused ------------------------------------------------------------------------------------------------


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [_truncated, _flipped, Path.unlink])
def test_a_backup_that_is_not_what_was_written_is_refused_by_the_name_of_the_file(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    manifest = back_up(wiring, tmp_path / "backup")
    new, pristine = elsewhere(), tmp_path / "backup"
    chosen = {each.path.split("/")[0]: each for each in manifest.files if each.bytes}
    assert {"relational.db", "lake", "stream", "spool"} <= set(chosen)
    for number, file in enumerate(chosen.values()):
        damaged = tmp_path / f"damaged{number}"
        shutil.copytree(pristine, damaged)
        harm(damaged / file.path)
        with pytest.raises(InvalidRequest, match=file.path.replace("=", ".")):
            restore_to(damaged, new)
        with pytest.raises(InvalidRequest, match=file.path.replace("=", ".")):
            verify(damaged, manifest, lambda _: None)
        assert not new.alphaads_home.exists()
        shutil.rmtree(damaged)
    assert not list(new.alphaads_home.parent.glob("*.restoring"))


def test_a_changed_manifest_and_the_backup_of_another_installation_are_refused(
    wiring: Wiring, settings: Settings, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(wiring, tmp_path / "backup")
    new, path = elsewhere(), tmp_path / "backup" / MANIFEST
    whole = path.read_bytes()
    for changed in (whole.replace(b'"format": 1', b'"format": 2'), whole[:-2], b"{}", b""):
        path.write_bytes(changed)
        with pytest.raises(InvalidRequest, match=MANIFEST):
            restore_to(tmp_path / "backup", new)
    path.write_bytes(whole)
    other = settings_of(tmp_path / "other")
    with wired(other) as fresh:
        assert fresh.master_keys
    with pytest.raises(InvalidRequest, match="another installation"):
        restore_to(tmp_path / "backup", other)
    path.unlink()
    with pytest.raises(InvalidRequest, match="is no backup"):
        restore_to(tmp_path / "backup", new)


def test_a_backup_gets_a_folder_of_its_own_and_appears_when_it_is_complete(
    wiring: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backup").mkdir()
    back_up(wiring, tmp_path / "backup")
    with pytest.raises(InvalidRequest, match="not empty"):
        back_up(wiring, tmp_path / "backup")
    seen = []

    def killed(*_: Any) -> None:
        seen.append((tmp_path / "second").exists())
        raise Killed

    monkeypatch.setattr(backup, "write_manifest", killed)
    with pytest.raises(Killed):
        back_up(wiring, tmp_path / "second")
    assert seen == [False]
    assert not (tmp_path / "second").exists()


# --- where something is already --------------------------------------------------------------------------------------


def test_a_home_that_is_not_empty_is_replaced_by_force_alone_and_kept_aside(
    wiring: Wiring, settings: Settings, tmp_path: Path
) -> None:
    back_up(wiring, tmp_path / "backup")
    was = fingerprint(wiring)
    take_posts(wiring, "later")
    publish_batches(wiring)
    later = fingerprint(wiring)
    wiring.audit.record(action="a.b", purpose="operation", actor="cli:t", resource="r")
    chains = {path.name: path.stat().st_size for path in settings.audit_path.rglob("*") if path.is_file()}
    wiring.close()
    with pytest.raises(InvalidRequest, match="--force"):
        restore_to(tmp_path / "backup", settings)
    with wired(settings) as untouched:
        assert fingerprint(untouched) == later
    done = restore_to(tmp_path / "backup", settings, replace=True)
    with wired(settings) as restored:
        assert fingerprint(restored) == was
    assert done.replaced is not None
    assert (done.replaced / "relational.db").exists()
    kept = {path.name: path.stat().st_size for path in settings.audit_path.rglob("*") if path.is_file()}
    assert all(kept.get(name, 0) >= size for name, size in chains.items()), "the audit log loses nothing"


def test_a_home_without_a_database_is_not_empty_either(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(wiring, tmp_path / "backup")
    new = elsewhere()
    (new.alphaads_home / "models").mkdir(parents=True)
    with pytest.raises(InvalidRequest, match="not empty"):
        restore_to(tmp_path / "backup", new)
    (new.alphaads_home / "models").rmdir()
    restore_to(tmp_path / "backup", new)


def test_without_the_key_file_nothing_is_restored_and_none_is_made(
    wiring: Wiring, tmp_path: Path, elsewhere: Callable[..., Settings]
) -> None:
    back_up(wiring, tmp_path / "backup")
    new = elsewhere()
    new.key_file.unlink()
    with pytest.raises(InvalidRequest, match="ALPHAADS_KEY_FILE"):
        restore_to(tmp_path / "backup", new)
    assert not new.key_file.exists()


# --- erased since ----------------------------------------------------------------------------------------------------


def held(wiring: Wiring, subject: str) -> int:
    """Rows of a subject in the lake and the relational store."""
    rows = 0
    for table in LAKE_TABLES:
        if "subject_id" in table.column_names:
            rows += wiring.lake.scan(table).filter(pl.col("subject_id") == subject).collect().height
    with reading(wiring.engine) as connection:
        for table in METADATA.sorted_tables:
            if "subject_id" in table.c:
                rows += len(connection.execute(sa.select(table).where(table.c.subject_id == subject)).all())
    return rows


def _erase(wiring: Wiring, subjects: list[str]) -> None:
    for subject in subjects:
        wiring.erasure.carry_on(wiring.erasure.begin(subject, "e" * 32).request_id)


def test_an_old_backup_brings_nobody_back_who_was_erased_since(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(wiring, tmp_path / "backup")
    everybody = subjects_of(wiring)
    gone, others = everybody[:2], everybody[2:]
    _erase(wiring, gone)
    wiring.key_backups.create(wiring.engine, datetime.now(UTC))
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
    for subject in gone:
        assert Scanner([subject]).scan(new.alphaads_home) == set()


def test_an_erasure_that_was_under_way_when_the_backup_was_made_is_finished_first(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    gone = subjects_of(wiring)[0]
    wiring.erasure.begin(gone, "e" * 32)
    back_up(wiring, tmp_path / "backup")
    new = elsewhere()
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert held(restored, gone) == 0
        assert restored.erasure.pending() == []
    assert Scanner([gone]).scan(new.alphaads_home) == set()


@pytest.mark.parametrize("place", ["_bring_keys_back", "clear"])
def test_killed_in_the_middle_nothing_serves_until_the_same_command_was_run_again(
    wiring: Wiring,
    elsewhere: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    back_up(wiring, tmp_path / "backup")
    gone = subjects_of(wiring)[0]
    _erase(wiring, [gone])
    new = elsewhere()

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(restore if place.startswith("_") else restore.restore_mark, place, killed)
        restore_to(tmp_path / "backup", new)
    with wired(new) as refused, pytest.raises(ConfigurationError, match="backup restore"):
        assert refused.engine
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert held(restored, gone) == 0
        assert len(subjects_of(restored)) == 7
        fingerprint(restored)


def test_killed_before_the_home_is_there_the_same_command_begins_anew(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(wiring, tmp_path / "backup")
    was, new = fingerprint(wiring), elsewhere()

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
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    gone = subjects_of(wiring)[0]
    _erase(wiring, [gone])
    back_up(wiring, tmp_path / "backup")
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
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    gone = subjects_of(wiring)[0]
    _erase(wiring, [gone])
    back_up(wiring, tmp_path / "backup")
    new = elsewhere()
    entries = {each.mac for each in wiring.erasure_journal.entries()}
    new.erasure_journal_path.unlink()
    restore_to(tmp_path / "backup", new, without_journal=True)
    with wired(new) as restored:
        assert {each.mac for each in restored.erasure_journal.entries()} == entries


def test_replacing_a_store_keeps_what_it_knows_of_erasures_even_if_the_journal_was_lost(
    wiring: Wiring, settings: Settings, tmp_path: Path
) -> None:
    back_up(wiring, tmp_path / "backup")
    gone = subjects_of(wiring)[0]
    _erase(wiring, [gone])
    settings.erasure_journal_path.write_bytes(b"")
    wiring.close()
    assert restore_to(tmp_path / "backup", settings, replace=True).restored.erased == 1
    with wired(settings) as restored:
        assert held(restored, gone) == 0


# --- the keys --------------------------------------------------------------------------------------------------------


@contextmanager
def _aged(settings: Settings, days: float) -> Iterator[None]:
    """Key backups as they will look after some days."""
    for path in settings.key_backups_path.glob("keys-*.db"):
        made = datetime.strptime(path.name[5:21], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) - timedelta(days=days)
        path.rename(path.with_name(f"keys-{made:%Y%m%dT%H%M%SZ}{path.name[21:]}"))
    yield


def test_once_the_key_backups_are_over_what_is_sealed_stays_sealed(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(wiring, tmp_path / "backup")
    new = elsewhere()
    with _aged(new, 7.1):
        [over] = new.key_backups_path.glob("keys-*.db")
        for wishes in ({}, {"keys": over}):
            with pytest.raises(InvalidRequest, match="KEY_BACKUP_DAYS"):
                restore_to(tmp_path / "backup", new, **wishes)
        done = restore_to(tmp_path / "backup", new, without_keys=True)
    assert (done.restored.keys, done.restored.keyless) == (0, 8)
    with wired(new) as restored:
        raw = restored.lake.scan(RAW_POSTS).collect()
        assert raw.height > 0
        assert all(post is None for post in restored.acceptor.unseal_posts(raw))
        everybody = subjects_of(restored)
        take_posts(restored, "later")
        publish_batches(restored)
        assert subjects_of(restored) == everybody, "they are known, and what they write now is sealed under new keys"
        opened = restored.acceptor.unseal_posts(restored.lake.scan(RAW_POSTS).collect())
        assert sum(post is not None for post in opened) == 60
        assert restored.key_backups.prune(datetime.now(UTC)) == [over]


def test_a_newer_key_backup_serves_an_older_backup_of_the_data(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path, settings: Settings
) -> None:
    back_up(wiring, tmp_path / "backup")
    was = fingerprint(wiring)
    for path in settings.key_backups_path.glob("keys-*.db"):
        path.unlink()
    wiring.key_backups.create(wiring.engine, datetime.now(UTC))
    new = elsewhere()
    restore_to(tmp_path / "backup", new)
    with wired(new) as restored:
        assert fingerprint(restored) == was


def test_a_key_backup_of_another_key_file_or_from_before_a_rotation_is_refused_by_its_name(
    wiring: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(wiring, tmp_path / "backup")
    new = elsewhere()
    [path] = new.key_backups_path.glob("keys-*.db")
    ring = wiring.key_ring.begin()
    content = wiring.key_ring.drop(ring.former)
    assert content.former == frozenset()
    shutil.copy2(wiring.settings.key_file, new.key_file)
    with pytest.raises(InvalidRequest, match=path.name):
        restore_to(tmp_path / "backup", new)
    with wired(new) as refused, pytest.raises(ConfigurationError, match="not finished"):
        assert refused.engine


def test_a_manifest_says_what_it_is_of(wiring: Wiring, tmp_path: Path) -> None:
    manifest = back_up(wiring, tmp_path / "backup")
    assert read_manifest(tmp_path / "backup", wiring.master_keys.signing) == manifest
    versions = {table.name: wiring.lake.version(table) for table in LAKE_TABLES}
    assert manifest.lake == {name: version for name, version in versions.items() if version is not None}
    listed = {each.path for each in manifest.files}
    assert listed == {
        str(path.relative_to(tmp_path / "backup"))
        for path in (tmp_path / "backup").rglob("*")
        if path.is_file() and not path.name.startswith("manifest.")
    }
    assert (manifest.dialect, manifest.stream) == ("sqlite", "embedded")
