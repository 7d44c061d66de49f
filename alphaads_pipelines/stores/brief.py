"""Brief transactions: of a few prepared statements, for who is being waited for.

Around statements as short as these (prepared.py) SQLAlchemy's own connection takes longer than the database; so this is
the driver's (driver.py). And who must not wait, because everybody else does meanwhile, is told instead that they would
have to: SQLite has one writer at a time, and another process may be that for long.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Dialect, Engine

from alphaads_pipelines.sqlite import copy_long_wal
from alphaads_pipelines.stores.driver import driver_connection
from alphaads_pipelines.stores.relational import BUSY_MS, sqlite_file, translated


class MustWait(Exception):
    """Another writes now, and the caller did not want to wait. Nothing was done."""


class Brief(NamedTuple):
    """A write transaction: what `Prepared` asks of a connection."""

    dialect: Dialect
    connection: Any


@contextmanager
def brief(engine: Engine, *, waits: bool = True) -> Iterator[Brief]:
    """A write transaction of prepared statements: committed at the end of the block, rolled back by an exception.

    Parameters
    ----------
    waits: for another writer, up to 30 s; else MustWait is raised at once. Only SQLite's writers wait at the start.

    Raises
    ------
    StoreUnavailable: the database does not answer or stays locked.
    """
    is_sqlite = engine.dialect.name == "sqlite"
    with translated(engine), driver_connection(engine) as connection:
        if is_sqlite:
            _begin(connection, waits=waits)
        else:
            connection.driver_connection.autocommit = False
        try:
            yield Brief(engine.dialect, connection)
            connection.commit()
        except BaseException:
            connection.rollback()  # of a commit that failed, too: the connection is kept, and with it what is open
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
