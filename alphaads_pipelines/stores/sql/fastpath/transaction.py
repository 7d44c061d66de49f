"""Short write transactions of prepared statements on the raw driver connection.

On PostgreSQL each message is a round trip, so queued statements travel with the next statement or the commit. SQLite
has one writer at a time; the event loop must not wait for it, so inside `nonblocking()` a transaction raises
WouldBlock.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Dialect, Engine

from alphaads_pipelines.sqlite import copy_long_wal
from alphaads_pipelines.stores.sql.fastpath.connections import driver_connection
from alphaads_pipelines.stores.sql.relational import BUSY_MS, sqlite_file, translated

_IN_TRANSACTION = (2, 3)
"""libpq's PQTransactionStatus of a connection in a transaction, and in a failed one."""

_blocking: ContextVar[bool] = ContextVar("blocking", default=True)
_write_locks: WeakKeyDictionary[Engine, threading.Lock] = WeakKeyDictionary()


class WouldBlock(Exception):
    """Another writer holds SQLite's write lock. Nothing was done."""


@contextmanager
def nonblocking() -> Iterator[None]:
    """Make fast transactions in the block raise WouldBlock instead of waiting for another writer to SQLite."""
    token = _blocking.set(False)
    try:
        yield
    finally:
        _blocking.reset(token)


def is_nonblocking(engine: Engine) -> bool:
    """Whether a short read waits neither for a network nor for a connection from a pool."""
    return engine.dialect.name == "sqlite" and bool(engine.url.database)


class FastTransaction:
    """An open write transaction. `pending`: statements to send with the next message; None on SQLite."""

    def __init__(self, dialect: Dialect, connection: Any, pending: list[bytes] | None) -> None:
        self.dialect, self.connection, self.pending = dialect, connection, pending

    def commit(self) -> None:
        """Commit, with the pending statements."""
        if self.pending is None:
            self.connection.commit()
        else:
            self._execute(b"; ".join([*self.pending, b"COMMIT"]))

    def roll_back(self) -> None:
        """Roll back, if it has begun and the connection is alive."""
        if self.pending is None:
            self.connection.rollback()
        elif self.connection.driver_connection.info.transaction_status in _IN_TRANSACTION:
            self._execute(b"ROLLBACK")

    def _execute(self, message: bytes) -> None:
        with closing(self.connection.cursor()) as cursor:
            cursor.execute(message)


@contextmanager
def fast_transaction(engine: Engine, *, durable: bool = True) -> Iterator[FastTransaction]:
    """Run a write transaction: committed at the end of the block, rolled back by an exception.

    Parameters
    ----------
    durable: whether PostgreSQL's commit waits for the disk.

    Raises
    ------
    StoreUnavailable: also if the database stays locked for 30 s. WouldBlock: see `nonblocking`.
    """
    with _write_lock(engine), translated(engine), driver_connection(engine) as connection:
        pending = None
        if engine.dialect.name == "sqlite":
            _begin_sqlite(connection)
        else:  # psycopg2 would send BEGIN in a message of its own, so the connection stays in autocommit
            pending = [b"BEGIN"] if durable else [b"BEGIN", b"SET LOCAL synchronous_commit = off"]
        transaction = FastTransaction(engine.dialect, connection, pending)
        try:
            yield transaction
            transaction.commit()
        except BaseException:
            transaction.roll_back()  # after a failed commit, too: the connection is kept
            raise


@contextmanager
def _write_lock(engine: Engine) -> Iterator[None]:
    """Serialise this process's writers to SQLite, which would sleep for milliseconds between retries."""
    if engine.dialect.name != "sqlite":
        yield
        return
    lock = _write_locks.setdefault(engine, threading.Lock())
    if not lock.acquire(blocking=_blocking.get()):
        raise WouldBlock
    try:
        yield
        copy_long_wal(sqlite_file(engine))
    finally:
        lock.release()


def _begin_sqlite(driver: Any) -> None:
    if _blocking.get():
        driver.execute("BEGIN IMMEDIATE")
        return
    driver.execute("PRAGMA busy_timeout=0")
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise WouldBlock from None
        raise
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")
