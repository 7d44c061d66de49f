"""Short-lived backups of the wrapped data keys, separate from the data.

The newest serves data backups of any age, as data keys never change and destroyed ones are missing. Expiry after days,
and erasures in existing files, keep any old pair of backups from restoring a person.

Each is one SQLite file, named by its creation time.
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
    """Key backups in a dedicated folder, deleted after `keep`. Safe across processes."""

    def __init__(self, folder: Path, keep: timedelta) -> None:
        self._folder, self._keep = folder, keep

    def create(self, engine: Engine, now: datetime) -> Path:
        """Back up the current keys; returns the file. Raises StoreUnavailable."""
        with self._locked():
            path = self._folder / f"keys-{now.astimezone(UTC):{_TIME}}-{secrets.token_hex(4)}.db"
            draft = path.with_name(path.name + _UNFINISHED)
            draft.touch(mode=0o600)
            with _opened(draft) as copy:
                _copy_keys(engine, copy)
            draft.rename(path)
        return path

    def files(self) -> list[Path]:
        """Existing backups, oldest first, including expired ones."""
        return sorted(path for path in self._folder.glob("keys-*.db") if _NAME.fullmatch(path.name))

    def expires_at(self, path: Path) -> datetime:
        """Expiry of a backup. Raises InvalidRequest if the file name does not match."""
        found = _NAME.fullmatch(path.name)
        if found is None:
            raise InvalidRequest(f"{path.name} is not the name of a key backup; leave the names as they are")
        return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC) + self._keep

    def newest(self, now: datetime) -> Path | None:
        """The newest unexpired backup, or None."""
        return next((path for path in reversed(self.files()) if self.expires_at(path) > now), None)

    def prune(self, now: datetime) -> list[Path]:
        """Delete expired backups, which are returned, and drafts of killed processes."""
        with self._locked():
            over = [path for path in self.files() if self.expires_at(path) <= now]
            left = list(self._folder.glob(f"*{_UNFINISHED}*"))
            for path in (*over, *left):
                path.unlink()
        return over

    def forget(self, subject_ids: Iterable[str]) -> int:
        """Remove the subjects' keys from every backup; returns how many. Waits for a backup in progress.

        Call it after destroying the keys in the store. Raises StoreUnavailable; retry.
        """
        wanted = list(subject_ids)
        with self.opened() as copies:
            return sum(_forget(copy, wanted) for copy in copies) if wanted else 0

    @contextmanager
    def opened(self) -> Iterator[list[Engine]]:
        """Open an engine per backup; locks out creation and deletion during the block."""
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
    """Read a key backup in chunks of rows. Raises InvalidRequest: the file is damaged."""
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
    """Read independent keys, one transaction per chunk: a long one would keep destroyed keys in the write-ahead log."""
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
    """Engine on a self-contained file without write-ahead log."""
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
