"""PostgreSQL's connections for statements so short that the journeys around them take longer than they do.

Taken out of the engine's pool and given back, one statement is six journeys to the server: is it there, two settings,
begin, the statement, roll back. So a few connections are kept apart, in autocommit: one statement, one journey. Whether
the server went away meanwhile is seen by their sockets, to which a server that waits sends nothing but its farewell.
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

_KEPT, _MORE = 5, 10
"""How many are kept, and how many more there are while they are asked for at once; then one is waited for."""

_of_engines: WeakKeyDictionary[Engine, tuple[int, Pool]] = WeakKeyDictionary()


@contextmanager
def lent_connection(engine: Engine) -> Iterator[Any]:
    """One of them, in autocommit and in no transaction. Whoever begins one ends it.

    Raises what the driver does, and SQLAlchemy's TimeoutError.
    """
    with closing(_pool(engine).connect()) as lent:
        driver: Any = lent.driver_connection
        try:
            yield lent
        finally:
            if driver.info.transaction_status:  # interrupted, or gone: who comes next must not find that
                lent.invalidate()


def _pool(engine: Engine) -> Pool:
    process, pool = _of_engines.get(engine, (0, None))
    if pool is None or process != os.getpid():  # a fork must not use its parent's
        pool = _pool_of(weakref.ref(engine))
        _of_engines[engine] = os.getpid(), pool
    return pool


def _pool_of(engine: weakref.ref[Engine]) -> Pool:
    def opened() -> Any:
        alive = engine()
        assert alive is not None, "who asks holds it"
        pooled = alive.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()
        connection.autocommit = True
        with connection.cursor() as cursor:
            # What is prepared is planned for the table of that moment, and one that is empty is best read whole. Told
            # not to, PostgreSQL takes a plan for a dear one, and would compile it each time.
            cursor.execute("SET enable_seqscan = off; SET jit = off")
        return connection

    pool = QueuePool(opened, pool_size=_KEPT, max_overflow=_MORE, use_lifo=True, reset_on_return=None)
    event.listen(pool, "checkout", _look)
    return pool


def _look(connection: Any, _record: Any, _lent: Any) -> None:
    """Let the pool open another in the place of one that was closed, here or by the server."""
    poll = select.poll()
    if not connection.closed:
        poll.register(connection.fileno(), select.POLLIN)
        if not poll.poll(0):
            return
    raise DisconnectionError


def forget_lent(engine: Engine) -> None:
    """Close those that nobody has, and the others when they are given back."""
    _, pool = _of_engines.pop(engine, (0, None))
    if pool is not None:
        pool.dispose()
