"""A pool of PostgreSQL connections in autocommit: one round trip per statement instead of six.

SQLAlchemy's pool adds a ping, two settings, BEGIN and ROLLBACK. A dead connection is detected by its readable socket:
an idle server sends nothing but its goodbye.
"""

from __future__ import annotations

import os
import select
import weakref
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import Pool, QueuePool

_POOL_SIZE, _MAX_OVERFLOW = 5, 10

_pools: WeakKeyDictionary[Engine, tuple[int, Pool]] = WeakKeyDictionary()


@contextmanager
def pooled_connection(engine: Engine) -> Iterator[Any]:
    """A connection in autocommit; the caller ends any transaction that it begins.

    Raises the driver's errors, and SQLAlchemy's TimeoutError.
    """
    with closing(_pool(engine).connect()) as pooled:
        driver: Any = pooled.driver_connection
        try:
            yield pooled
        finally:
            if driver.info.transaction_status:  # a transaction is open, or the connection dead
                pooled.invalidate()


def _pool(engine: Engine) -> Pool:
    process, pool = _pools.get(engine, (0, None))
    if pool is None or process != os.getpid():  # a fork must not use its parent's
        pool = _new_pool(weakref.ref(engine))
        _pools[engine] = os.getpid(), pool
        event.listen(engine, "engine_disposed", _dispose, insert=True)
    return pool


def _new_pool(engine: weakref.ref[Engine]) -> Pool:
    def open_connection() -> Any:
        alive = engine()
        assert alive is not None, "the caller holds it"
        pooled = alive.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        connection.autocommit = True
        with connection.cursor() as cursor:
            # A plan made while a table is empty would scan it sequentially for ever. Without sequential scans plans
            # look expensive, and PostgreSQL would compile each.
            cursor.execute("SET enable_seqscan = off; SET jit = off")
        return connection

    pool = QueuePool(
        open_connection, pool_size=_POOL_SIZE, max_overflow=_MAX_OVERFLOW, use_lifo=True, reset_on_return=None
    )
    event.listen(pool, "checkout", _check_socket)
    return pool


def _check_socket(connection: Any, _record: Any, _pooled: Any) -> None:
    """Make the pool replace a closed connection."""
    poll = select.poll()
    if not connection.closed:
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return
    raise DisconnectionError


def _dispose(engine: Engine) -> None:
    """Close idle connections now, and those in use on their return."""
    _, pool = _pools.pop(engine, (0, None))
    if pool is not None:
        pool.dispose()
