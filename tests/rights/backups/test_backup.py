"""Backups: consistent under concurrent writes; damage is reported by file name."""

from __future__ import annotations

import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from alphaads_pipelines.errors import InvalidRequest, StoreUnavailable
from alphaads_pipelines.rights.backups import backup
from alphaads_pipelines.rights.backups.backup_files import MANIFEST, read_manifest, verify
from alphaads_pipelines.schema.tables import LAKE_TABLES, RAW_POSTS, REJECTED_POSTS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.equality import fingerprint
from tests.publishing import publish_batches
from tests.rights.backups.backing_up import Killed, back_up, restore_to
from tests.rights.erasure.erasing import settings_of, take_posts
from tests.scanner import Scanner


def test_a_manifest_says_what_it_is_of(one: Wiring, tmp_path: Path) -> None:
    manifest = back_up(one, tmp_path / "backup")
    assert read_manifest(tmp_path / "backup", one.master_keys.signing) == manifest
    versions = {table.name: one.lake.version(table) for table in LAKE_TABLES}
    assert manifest.lake == {name: version for name, version in versions.items() if version is not None}
    listed = {each.path for each in manifest.files}
    assert listed == {
        str(path.relative_to(tmp_path / "backup"))
        for path in (tmp_path / "backup").rglob("*")
        if path.is_file() and not path.name.startswith("manifest.")
    }
    assert (manifest.dialect, manifest.stream) == ("sqlite", "embedded")


def test_the_keys_are_in_no_backup_of_the_data(one: Wiring, tmp_path: Path) -> None:
    with reading(one.engine) as connection:
        keys = connection.execute(sa.select(sql_table("subject_keys"))).all()
    secrets = msgspec.json.decode(one.settings.key_file.read_bytes())
    master = [value for name, value in secrets.items() if name not in ("version", "kek_id", "former_keks")]
    back_up(one, tmp_path / "backup")
    raw = [bytes(row.wrapped_key) for row in keys]
    for path in (each for each in (tmp_path / "backup").rglob("*") if each.is_file()):
        content = path.read_bytes()
        assert not any(wrapped in content for wrapped in raw), path
    assert Scanner(master).scan(tmp_path / "backup") == set()
    assert raw[0] in b"".join(path.read_bytes() for path in one.settings.key_backups_path.glob("*.db")), (
        "they are there"
    )


def test_only_the_files_that_the_version_needs_are_copied(one: Wiring, tmp_path: Path) -> None:
    back_up(one, tmp_path / "backup")
    lake = DeltaLake(one.settings.lake_path)
    on_disk = {path.name for path in (one.settings.lake_path / RAW_POSTS.name).rglob("*.parquet")}
    needed = {Path(path).name for path in lake.files(RAW_POSTS)}
    copied = {path.name for path in (tmp_path / "backup" / "lake" / RAW_POSTS.name).rglob("*.parquet")}
    assert needed <= copied
    with reading(one.engine) as connection:
        pointers = connection.execute(sa.select(sql_table("published").c.versions)).scalars().all()
    published = {Path(path).name for each in pointers for path in lake.files(RAW_POSTS, each[RAW_POSTS.name])}
    assert copied - {name for name in copied if "checkpoint" in name} == needed | published
    assert on_disk - copied, "the replay left files that no version needs which anybody reads"


# --- under load ------------------------------------------------------------------------------------------------------


def _counted(one: Wiring) -> tuple[int, int]:
    """Posts and rejects that the ledger says are published, and those in the lake, whose batches it must know."""
    committed = one.ledger.batches(state="committed", limit=10_000)
    counts = [each.counts for each in committed if each.counts]
    known = {each.seq for each in one.ledger.batches(limit=10_000)}
    lake = 0
    for table in (RAW_POSTS, REJECTED_POSTS):
        rows = one.lake.scan(table).select("batch_seq").collect()["batch_seq"]
        assert set(rows) <= known, "a row of a batch that the ledger does not know"
        lake += len(rows)
    return sum(each.accepted + each.rejected for each in counts), lake


def test_a_backup_under_load_is_of_one_moment(one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        with wired(one.settings) as busy:
            while not stop.is_set():
                take_posts(busy, f"load{len(written)}", posts=20)
                publish_batches(busy)
                written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(2):
            so_far = len(written)
            back_up(one, tmp_path / f"backup{number}")
            while len(written) == so_far and writer.is_alive():
                stop.wait(0.01)
    finally:
        stop.set()
        writer.join(300)
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
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    once, files = [], backup.version_files

    def vanishing(*arguments: Any) -> Iterator[Path]:
        if not once:
            once.append(1)
            yield Path("raw_posts/gone.parquet")
        yield from files(*arguments)

    monkeypatch.setattr(backup, "version_files", vanishing)
    back_up(one, tmp_path / "backup")
    restore_to(tmp_path / "backup", elsewhere())
    monkeypatch.setattr(backup, "version_files", lambda *_: iter([Path("raw_posts/gone.parquet")]))
    with pytest.raises(StoreUnavailable, match="backup"):
        back_up(one, tmp_path / "second")
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
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    manifest = back_up(one, tmp_path / "backup")
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
    one: Wiring, elsewhere: Callable[..., Settings], tmp_path: Path
) -> None:
    back_up(one, tmp_path / "backup")
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
    one: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "backup").mkdir()
    back_up(one, tmp_path / "backup")
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    with pytest.raises(InvalidRequest, match="not empty"):
        back_up(one, tmp_path / "backup")
    seen = []

    def killed(*_: Any) -> None:
        seen.append((tmp_path / "second").exists())
        raise Killed

    monkeypatch.setattr(backup, "write_manifest", killed)
    with pytest.raises(Killed):
        back_up(one, tmp_path / "second")
    assert seen == [False]
    assert not (tmp_path / "second").exists()
