"""A thread's own connection to SQLite, for statements so short that taking one out of a pool and giving it back takes
longer than they do. It is kept as long as thread and engine are.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

_CACHE_KIB = 16 * 1024
"""There are as many as threads. The operating system has the same pages at hand."""


class _Own(threading.local):
    """What a thread has, and the process that opened it: a fork must not use its parent's."""

    connection: sqlite3.Connection | None = None
    process: int = 0


_of_engines: WeakKeyDictionary[Engine, _Own] = WeakKeyDictionary()


@contextmanager
def own_connection(engine: Engine) -> Iterator[Any]:
    """This thread's connection, in no transaction. Whoever begins one ends it."""
    if not engine.url.database:  # what is in memory is in one connection alone
        with closing(engine.raw_connection()) as connection:
            yield connection
        return
    own = _of_engines.get(engine) or _of_engines.setdefault(engine, _Own())
    if own.connection is None or own.process != os.getpid():
        own.connection, own.process = _opened(engine), os.getpid()
    yield own.connection


def _opened(engine: Engine) -> sqlite3.Connection:
    pooled = engine.raw_connection()
    connection = pooled.driver_connection
    assert isinstance(connection, sqlite3.Connection)
    pooled.detach()
    connection.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
    return connection


def forget_own(engine: Engine) -> None:
    """Close what threads keep, as soon as nobody uses it."""
    _of_engines.pop(engine, None)
