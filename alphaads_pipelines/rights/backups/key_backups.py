"""Backups of the wrapped data keys, apart from those of the data, and gone before them.

A backup of the data alone opens nothing: what is sealed in it stays sealed. The newest of these backups serves for a
backup of the data of any age, for a data key never changes and those that were destroyed since are missing from it.
They expire after days, and an erasure removes the person's keys from those that are there, so that no old pair of
backups brings anybody back. The keys in them are wrapped by the key-encryption key, as in the store.

Each is one SQLite file, named for the time at which it was made.
"""

from __future__ import annotations

import fcntl
import re
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine, event

from alphaads_pipelines.errors import InvalidRequest, StoreUnavailable
from alphaads_pipelines.sqlite import scrub
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction

_NAME = re.compile(r"keys-(\d{8}T\d{6}Z)-[0-9a-f]{8}\.db")
_TIME = "%Y%m%dT%H%M%SZ"
_UNFINISHED = ".part"
_CHUNK_ROWS = 5_000
_KEYS = sql_table("subject_keys")


class KeyBackups:
    """The key backups in one folder. Safe in several processes.

    Parameters
    ----------
    folder: its own; it may not exist yet.
    keep: how long one may be used, and then is deleted.
    """

    def __init__(self, folder: Path, keep: timedelta) -> None:
        self._folder, self._keep = folder, keep

    def create(self, engine: Engine, now: datetime) -> Path:
        """Back up the keys as they are now; the file. Raises StoreUnavailable."""
        with self._locked():
            path = self._folder / f"keys-{now.astimezone(UTC):{_TIME}}-{secrets.token_hex(4)}.db"
            draft = path.with_name(path.name + _UNFINISHED)
            draft.touch(mode=0o600)
            with _opened(draft) as copy:
                _copy_keys(engine, copy)
            draft.rename(path)
        return path

    def files(self) -> list[Path]:
        """Those that are there, oldest first, expired ones too."""
        return sorted(path for path in self._folder.glob("keys-*.db") if _NAME.fullmatch(path.name))

    def expires_at(self, path: Path) -> datetime:
        """When a backup is over. Raises InvalidRequest: the file is not named as a key backup is."""
        found = _NAME.fullmatch(path.name)
        if found is None:
            raise InvalidRequest(f"{path.name} is not the name of a key backup; leave the names as they are")
        return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC) + self._keep

    def newest(self, now: datetime) -> Path | None:
        """The newest that is not over, or None."""
        return next((path for path in reversed(self.files()) if self.expires_at(path) > now), None)

    def prune(self, now: datetime) -> list[Path]:
        """Delete those that are over, and what killed processes left; the files that are gone."""
        with self._locked():
            over = [path for path in self.files() if self.expires_at(path) <= now]
            left = list(self._folder.glob(f"*{_UNFINISHED}*"))
            for path in (*over, *left):
                path.unlink()
        return over

    def forget(self, subject_ids: Iterable[str]) -> int:
        """Remove the keys of these subjects from every backup; how many were removed.

        To be called when their keys in the store are destroyed: a backup that is being made is waited for.

        Raises StoreUnavailable; the call may be made again.
        """
        wanted = list(subject_ids)
        with self.opened() as copies:
            return sum(_forget(copy, wanted) for copy in copies) if wanted else 0

    @contextmanager
    def opened(self) -> Iterator[list[Engine]]:
        """An engine for each backup; none is made or deleted before the end of the block."""
        with self._locked():
            engines = [_engine(path) for path in self.files()]
            try:
                yield engines
            finally:
                for each in engines:
                    each.dispose()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._folder / "lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise StoreUnavailable(f"the key backups cannot be written ({type(error).__name__})") from error


def key_rows(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The rows of a key backup, in chunks.

    Raises
    ------
    InvalidRequest: the file is damaged.
    """
    try:
        with _opened(path) as copy:
            with reading(copy) as connection:
                if connection.exec_driver_sql("PRAGMA integrity_check").scalar_one() != "ok":
                    raise InvalidRequest(f"{path.name}: the key backup is damaged")
            yield from _chunks(copy)
    except (sa.exc.DatabaseError, StoreUnavailable):
        raise InvalidRequest(f"{path.name}: the key backup is damaged") from None


def _forget(copy: Engine, subject_ids: Sequence[str]) -> int:
    with transaction(copy) as connection:
        gone = _KEYS.delete().where(_KEYS.c.subject_id == sa.bindparam("gone"))
        removed = connection.execute(gone, [{"gone": each} for each in subject_ids]).rowcount
    held = copy.raw_connection()
    try:
        driver: Any = held.driver_connection
        scrub(driver, Path(str(copy.url.database)), [each.encode() for each in subject_ids])
    finally:
        held.close()
    return removed


def _copy_keys(engine: Engine, copy: Engine) -> None:
    _KEYS.create(copy)
    for rows in _chunks(engine):
        with transaction(copy) as target:
            target.execute(_KEYS.insert(), rows)


def _chunks(engine: Engine) -> Iterator[list[dict[str, Any]]]:
    """All keys, a transaction for each chunk: a longer one would keep destroyed keys in the write-ahead log.

    Keys are independent of each other, so it does not matter that chunks are of different moments.
    """
    last = ""
    while True:
        wanted = sa.select(_KEYS).where(_KEYS.c.key_id > last).order_by(_KEYS.c.key_id).limit(_CHUNK_ROWS)
        with reading(engine) as connection:
            rows = [dict(row) for row in connection.execute(wanted).mappings()]
        if not rows:
            return
        yield rows
        last = rows[-1]["key_id"]


def _engine(path: Path) -> Engine:
    """An engine on one file that holds everything by itself: no write-ahead log lies beside it."""
    engine = sa.create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _overwrite_what_is_deleted)
    return engine


def _overwrite_what_is_deleted(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA secure_delete=ON")


@contextmanager
def _opened(path: Path) -> Iterator[Engine]:
    engine = _engine(path)
    try:
        yield engine
    finally:
        engine.dispose()
