"""A long write-ahead log is copied back by a thread, and cut when content must leave the disk."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.sqlite import LONG_WAL_BYTES, copy_long_wal, cut_wal, wait_for_copy, wal_of
from alphaads_pipelines.stores.sql.relational import connect, insert_ignore, migrate, reading, sql_table, transaction

_STATE = b"s" * 3_000


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    url = f"sqlite:///{tmp_path / 'of.db'}"
    migrate(url)
    engine = connect(url)
    yield engine
    engine.dispose()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "of.db"


def _write(engine: Engine, first: int, rows: int) -> None:
    each = [
        {"subject_id": f"{number:032x}", "shard": 0, "publish_seq": 1, "state": _STATE}
        for number in range(first, first + rows)
    ]
    with transaction(engine) as connection:
        insert_ignore(connection, "live_profiles", each)


def _rows(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(sql_table("live_profiles"))).scalar_one())


def _fill_log(engine: Engine, path: Path) -> int:
    """Write until the log is long; the rows."""
    rows = 0
    while not wal_of(path).exists() or wal_of(path).stat().st_size <= LONG_WAL_BYTES:
        _write(engine, rows, 6_000)
        rows += 6_000
    return rows


def test_a_long_log_is_copied_and_begins_anew(engine: Engine, path: Path) -> None:
    rows = _fill_log(engine, path)
    wait_for_copy(path)
    assert path.stat().st_size > LONG_WAL_BYTES * 0.6, "the rows are in the file itself"
    _write(engine, rows, 1)
    assert wal_of(path).stat().st_size <= LONG_WAL_BYTES // 2, "the log tells its length again"
    assert _rows(engine) == rows + 1


def test_a_short_log_is_left_alone(engine: Engine, path: Path) -> None:
    _write(engine, 0, 100)
    before = wal_of(path).stat().st_size
    copy_long_wal(path)
    wait_for_copy(path)
    assert wal_of(path).stat().st_size == before > 0


def test_copying_waits_for_no_reader(engine: Engine, path: Path) -> None:
    with reading(engine) as old:
        assert old.execute(sa.select(sa.func.count()).select_from(sql_table("live_profiles"))).scalar_one() == 0
        rows = _fill_log(engine, path)
        wait_for_copy(path)
        _write(engine, rows, 1)
        assert old.execute(sa.select(sa.func.count()).select_from(sql_table("live_profiles"))).scalar_one() == 0
    assert _rows(engine) == rows + 1


def test_the_log_begins_anew_though_somebody_writes_without_a_pause(engine: Engine, path: Path) -> None:
    rows = _fill_log(engine, path)
    for more in range(2_000):
        _write(engine, rows + more, 1)
        if wal_of(path).stat().st_size <= LONG_WAL_BYTES // 2:
            break
    else:
        pytest.fail("the log is as long as ever")
    wait_for_copy(path)


def test_a_file_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    lost = tmp_path / "lost.db"
    with wal_of(lost).open("wb") as log:
        log.truncate(LONG_WAL_BYTES + 1)
    copy_long_wal(lost)
    wait_for_copy(lost)
    assert not lost.exists()


def test_cutting_waits_for_another_who_copies(engine: Engine, path: Path) -> None:
    _write(engine, 0, 100)
    reader, other = (sqlite3.connect(path, isolation_level=None, check_same_thread=False) for _ in range(2))
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM live_profiles").fetchone()
    _write(engine, 100, 1)
    # The other one alone may copy, and waits for the reader with that.
    copying = threading.Thread(target=other.execute, args=("PRAGMA wal_checkpoint(RESTART)",))
    copying.start()
    time.sleep(0.2)
    ending = threading.Timer(0.3, reader.execute, ("COMMIT",))
    ending.start()
    with reading(engine) as connection:
        driver: Any = connection.connection.driver_connection
        assert cut_wal(driver)
    assert wal_of(path).stat().st_size == 0
    for thread in (copying, ending):
        thread.join()
    for each in (reader, other):
        each.close()
