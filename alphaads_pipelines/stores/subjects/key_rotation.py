"""Database side of key-encryption key (KEK) rotation: switch the active KEK and rewrap data keys.

Data keys do not change, so sealed bodies and caches stay valid.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction
from alphaads_pipelines.stores.subjects.subject_keys import ACTIVE_ROW

_CHUNK_KEYS = 500
_PAUSE_S = 0.005
"""Between chunks, to let other writers in: SQLite's lock is unfair, and waiting writers only poll."""

_KEYS = sql_table("subject_keys")
_ACTIVE = sql_table("active_kek")


def activate(engine: Engine, kek_id: str, now: datetime) -> None:
    """Make `kek_id` wrap all new keys, after waiting for transactions that use another KEK.

    On return no further row under an older KEK can appear. Raises StoreUnavailable.
    """
    with transaction(engine) as connection:
        insert_ignore(connection, _ACTIVE.name, [{"id": ACTIVE_ROW, "kek_id": kek_id, "activated_at": now}])
        moved = _ACTIVE.update().where(_ACTIVE.c.kek_id != kek_id)
        connection.execute(moved.values(kek_id=kek_id, activated_at=now))


def wrapped_by(connection: Connection) -> dict[str, int]:
    """KEK id -> number of data keys it wraps."""
    counted = sa.select(_KEYS.c.kek_id, sa.func.count()).group_by(_KEYS.c.kek_id)
    return dict(connection.execute(counted).tuples().all())


def rewrap(engine: Engine, ring: Callable[[], KeyRing], kek_id: str, progress: Callable[[int], None]) -> int:
    """Rewrap data keys not yet under `kek_id`, in bounded transactions; returns how many.

    Parameters
    ----------
    engine: a database with the table `subject_keys`.
    progress: called with the number of keys in each chunk.

    Raises
    ------
    StoreUnavailable. KekMissing, UnsealError: the ring lacks a data key's KEK.
    """
    done = 0
    for chunk in _other_wrappings(engine, kek_id):
        held_ring = ring()
        rewrapped = [_rewrapped(held_ring, row, kek_id) for row in chunk]
        # A key destroyed meanwhile has no row to update, so it stays destroyed.
        held = sa.and_(_KEYS.c.key_id == sa.bindparam("held_id"), _KEYS.c.kek_id == sa.bindparam("held_kek"))
        change = _KEYS.update().where(held).values(kek_id=kek_id, wrapped_key=sa.bindparam("rewrapped"))
        with transaction(engine) as connection:
            connection.execute(change, rewrapped)
        done += len(chunk)
        progress(len(chunk))
        time.sleep(_PAUSE_S)
    return done


def _other_wrappings(engine: Engine, kek_id: str) -> Iterator[list[sa.Row[Any]]]:
    last = ""
    while True:
        wanted = sa.select(_KEYS).where(_KEYS.c.key_id > last, _KEYS.c.kek_id != kek_id)
        with reading(engine) as connection:
            chunk = list(connection.execute(wanted.order_by(_KEYS.c.key_id).limit(_CHUNK_KEYS)).all())
        if not chunk:
            return
        yield chunk
        last = chunk[-1].key_id


def _rewrapped(ring: KeyRing, row: sa.Row[Any], kek_id: str) -> dict[str, object]:
    data_key = ring.unwrap(row.kek_id, row.wrapped_key, row.key_id, row.subject_id)
    wrapped = ring.wrap(kek_id, data_key, row.key_id, row.subject_id)
    return {"held_id": row.key_id, "held_kek": row.kek_id, "rewrapped": wrapped}
