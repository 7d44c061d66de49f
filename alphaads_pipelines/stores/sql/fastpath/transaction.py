"""Short write transactions of prepared statements on the raw driver connection.

For statements this short SQLAlchemy's connection takes longer than the database. On PostgreSQL each message is a round
trip, so statements whose rows are not read (`Prepared.send`) travel with the next statement or with the commit. On
SQLite, which has one writer at a time, a caller that must not wait is told so by `MustWait`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Dialect, Engine

from alphaads_pipelines.sqlite import copy_long_wal
from alphaads_pipelines.stores.sql.fastpath.connections import driver_connection
from alphaads_pipelines.stores.sql.relational import BUSY_MS, sqlite_file, translated

_OPEN = (2, 3)
"""What libpq calls a connection in a transaction, and in one that failed (PQtransactionStatus)."""


class MustWait(Exception):
    """Another writes now, and the caller did not want to wait. Nothing was done."""


class Brief:
    """A write transaction: what `Prepared` asks of a connection.

    Attributes
    ----------
    unsent: what PostgreSQL is sent in front of the next statement; None of SQLite, to which nothing is sent.
    """

    def __init__(self, dialect: Dialect, connection: Any, unsent: list[bytes] | None) -> None:
        self.dialect, self.connection, self.unsent = dialect, connection, unsent

    def commit(self) -> None:
        """Send what is unsent, and end it."""
        if self.unsent is None:
            self.connection.commit()
        else:
            self._say(b"; ".join([*self.unsent, b"COMMIT"]))

    def roll_back(self) -> None:
        """End it with nothing done, if it has begun and the database still answers."""
        if self.unsent is None:
            self.connection.rollback()
        elif self.connection.driver_connection.info.transaction_status in _OPEN:
            self._say(b"ROLLBACK")

    def _say(self, message: bytes) -> None:
        with closing(self.connection.cursor()) as cursor:
            cursor.execute(message)


@contextmanager
def brief(engine: Engine, *, waits: bool = True, on_disk: bool = True) -> Iterator[Brief]:
    """A write transaction of prepared statements: committed at the end of the block, rolled back by an exception.

    Parameters
    ----------
    waits: for another writer, up to 30 s; else MustWait is raised at once. Only SQLite's writers wait at the start.
    on_disk: whether the block ends when PostgreSQL's disk has it, or, sooner, when the server has.

    Raises
    ------
    StoreUnavailable: the database does not answer or stays locked.
    """
    is_sqlite = engine.dialect.name == "sqlite"
    with translated(engine), driver_connection(engine) as connection:
        unsent = None
        if is_sqlite:
            _begin(connection, waits=waits)
        else:  # psycopg2 would send BEGIN in a message of its own, so the connection stays in autocommit
            unsent = [b"BEGIN"] if on_disk else [b"BEGIN", b"SET LOCAL synchronous_commit = off"]
        begun = Brief(engine.dialect, connection, unsent)
        try:
            yield begun
            begun.commit()
        except BaseException:
            begun.roll_back()  # of a commit that failed, too: the connection is kept, and with it what is open
            raise
    if is_sqlite:
        copy_long_wal(sqlite_file(engine))


def _begin(driver: Any, *, waits: bool) -> None:
    if waits:
        driver.execute("BEGIN IMMEDIATE")
        return
    driver.execute("PRAGMA busy_timeout=0")
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise MustWait from None
        raise
    finally:
        driver.execute(f"PRAGMA busy_timeout={BUSY_MS}")


def answers_at_once(engine: Engine) -> bool:
    """Whether a short statement waits for nothing: for no network, and for no connection out of a pool."""
    return engine.dialect.name == "sqlite" and bool(engine.url.database)
