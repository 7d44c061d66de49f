"""One SQLite connection per thread, kept as long as thread and engine: a checkout takes longer than a statement."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event

_CACHE_KIB = 16 * 1024
"""Small, because each thread has one; the operating system caches the same pages."""


class _ThreadConnection(threading.local):
    """A thread's connection and the process that opened it: a fork must not use its parent's."""

    connection: sqlite3.Connection | None = None
    process: int = 0


_connections: WeakKeyDictionary[Engine, _ThreadConnection] = WeakKeyDictionary()


@contextmanager
def thread_connection(engine: Engine) -> Iterator[Any]:
    """This thread's connection in autocommit; the caller ends any transaction that it begins."""
    if not engine.url.database:  # an in-memory database exists in one connection only
        with closing(engine.raw_connection()) as connection:
            yield connection
        return
    mine = _connections.get(engine) or _connections.setdefault(engine, _ThreadConnection())
    if mine.connection is None or mine.process != os.getpid():
        mine.connection, mine.process = _open(engine), os.getpid()
        event.listen(engine, "engine_disposed", _drop, insert=True)
    yield mine.connection


def _open(engine: Engine) -> sqlite3.Connection:
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    pooled.detach()
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    return connection


def _drop(engine: Engine) -> None:
    """Let the connections close once unused."""
    _connections.pop(engine, None)
