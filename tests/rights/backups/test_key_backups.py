"""Key backups on SQLite and PostgreSQL: complete, purged by erasures, expiring."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.privacy.keys import Identity, SubjectKey
from alphaads_pipelines.rights.backups import key_backups
from alphaads_pipelines.rights.backups.key_backups import KeyBackups, key_rows
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
RING = partial(KeyRing, "k", {"k": b"k" * 32})


@pytest.fixture
def backups(tmp_path: Path) -> KeyBackups:
    return KeyBackups(tmp_path / "key-backups", timedelta(days=7))


@pytest.fixture
def keys(engine: Engine) -> RelationalSubjectKeys:
    return RelationalSubjectKeys(engine, RING, 16)


def _made(keys: RelationalSubjectKeys, count: int) -> list[SubjectKey]:
    return keys.ensure([Identity(number.to_bytes(32, "big"), "x") for number in range(count)])


def _held(path: Path) -> dict[str, bytes]:
    return {row["key_id"]: bytes(row["wrapped_key"]) for rows in key_rows(path) for row in rows}


def test_a_backup_holds_every_key_wrapped_as_in_the_store(
    backups: KeyBackups, keys: RelationalSubjectKeys, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_backups, "_CHUNK_ROWS", 7)
    _made(keys, 20)
    keys.daily_key(NOON.date())
    path = backups.create(engine, NOON)
    with reading(engine) as connection:
        rows = connection.execute(sa.select(sql_table("subject_keys"))).mappings().all()
    found = {row["key_id"]: row for chunk in key_rows(path) for row in chunk}
    assert found == {row["key_id"]: dict(row) for row in rows}
    assert len(found) == 21
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(each.name for each in path.parent.iterdir()) == [path.name, "lock"], "one file holds all of it"


def test_the_newest_that_is_not_over_is_used_and_what_is_over_is_deleted(backups: KeyBackups, engine: Engine) -> None:
    assert backups.newest(NOON) is None
    made = [backups.create(engine, NOON + timedelta(days=days)) for days in (0, 1, 3)]
    assert backups.files() == made
    assert backups.newest(NOON) == made[-1]
    assert backups.expires_at(made[0]) == NOON + timedelta(days=7)
    assert backups.prune(NOON + timedelta(days=7) - timedelta(seconds=1)) == []
    assert backups.prune(NOON + timedelta(days=8)) == made[:2]
    assert backups.newest(NOON + timedelta(days=10) - timedelta(seconds=1)) == made[2]
    assert backups.newest(NOON + timedelta(days=10)) is None, "even where it was not deleted yet"
    with pytest.raises(InvalidRequest, match=r"mine\.db"):
        backups.expires_at(Path("mine.db"))


def test_an_erased_persons_keys_leave_every_backup_and_its_file(
    backups: KeyBackups, keys: RelationalSubjectKeys, engine: Engine
) -> None:
    made = _made(keys, 50)
    files = [backups.create(engine, NOON + timedelta(hours=hours)) for hours in range(2)]
    wrapped = _held(files[0])
    assert backups.forget([made[7].subject_id, made[9].subject_id, "of nobody"]) == 4
    for file in files:
        assert _held(file).keys() == {each.key_id for each in made} - {made[7].key_id, made[9].key_id}
        content = file.read_bytes()
        assert wrapped[made[7].key_id] not in content
        assert wrapped[made[8].key_id] in content
    assert backups.forget([made[7].subject_id]) == 0
    assert backups.forget([]) == 0


def test_a_backup_that_is_being_made_does_not_keep_what_is_erased_meanwhile(
    backups: KeyBackups, keys: RelationalSubjectKeys, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = _made(keys, 3)
    read, go_on = threading.Event(), threading.Event()
    chunks = key_backups._chunks

    def hesitating(engine: Engine) -> Iterator[list[dict[str, object]]]:
        for rows in chunks(engine):
            read.set()
            assert go_on.wait(300)
            yield rows

    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as pool:
        patch.setattr(key_backups, "_chunks", hesitating)
        making = pool.submit(backups.create, engine, NOON)
        assert read.wait(300)
        keys.destroy(made[1].subject_id)
        forgetting = pool.submit(backups.forget, [made[1].subject_id])
        go_on.set()
        path = making.result(300)
        assert forgetting.result(300) == 1
    assert _held(path).keys() == {made[0].key_id, made[2].key_id}


def test_what_a_killed_backup_left_is_no_backup_and_is_pruned(
    backups: KeyBackups, keys: RelationalSubjectKeys, engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _made(keys, 3)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            backups.create(engine, NOON)
    assert backups.files() == []
    backups.prune(NOON)
    assert [each.name for each in (tmp_path / "key-backups").iterdir()] == ["lock"]


def test_a_damaged_backup_is_refused_by_its_name(
    backups: KeyBackups, keys: RelationalSubjectKeys, engine: Engine
) -> None:
    _made(keys, 200)
    path = backups.create(engine, NOON)
    whole = path.read_bytes()
    for damaged in (b"", b"no database", whole[: len(whole) // 2], whole[:5000] + b"\xff" * 4000 + whole[9000:]):
        path.write_bytes(damaged)
        with pytest.raises(InvalidRequest, match=path.name):
            list(key_rows(path))
