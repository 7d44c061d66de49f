"""Publishing: one transaction that commits a batch, moves the live profiles and the pointer of each of its shards.

A reader sees all of a batch or nothing of it; an attempt that was overtaken changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import WriteConflict
from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.stored_records import document_layout
from alphaads_pipelines.stores.relational import insert_ignore, reading, select_in, sql_table, transaction, upsert
from alphaads_pipelines.stores.subject_keys import holding_keys

_LIVE = ("subject_id", "shard", "state")


def publish(
    engine: Engine,
    ledger: Ledger,
    batch: Batch,
    counts: BatchCounts,
    profiles: pl.DataFrame,
    versions: Mapping[str, int],
    now: datetime,
) -> None:
    """Publish a running batch.

    Parameters
    ----------
    profiles: rows of `customer_profiles` that the batch made current; who was erased meanwhile is left out.
    versions: lake table -> Delta version that holds the batch.

    Raises
    ------
    Fenced: another attempt owns the batch; nothing was changed. StoreUnavailable.
    """
    with transaction(engine) as connection:
        ledger.commit(connection, batch, counts, now)
        move = _next_move(connection)
        known = holding_keys(connection, profiles["subject_id"])
        rows = profiles.select(_LIVE).iter_rows(named=True)
        upsert(
            connection, "live_profiles", [{**row, "publish_seq": move} for row in rows if row["subject_id"] in known]
        )
        _move_pointers(connection, batch, move, versions, now)


def _next_move(connection: Connection) -> int:
    """Pointers count moves, not batches: a replay of an old batch must show as news, too."""
    published = sql_table("published")
    return (
        int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(published.c.publish_seq), 0))).scalar_one()) + 1
    )


def _move_pointers(connection: Connection, batch: Batch, move: int, versions: Mapping[str, int], now: datetime) -> None:
    held = {row.shard: row.versions for row in select_in(connection, "published", "shard", batch.shards)}
    rows: list[dict[str, Any]] = [
        {"shard": shard, "publish_seq": move, "versions": {**held.get(shard, {}), **versions}, "published_at": now}
        for shard in batch.shards
    ]
    upsert(connection, "published", rows)


def publish_document(engine: Engine, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """Swap a small published view whole; its new version. Raises StoreUnavailable."""
    with transaction(engine) as connection:
        return publish_document_in(connection, name, document, now)


def publish_document_in(connection: Connection, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """The same inside the caller's transaction. Raises KeyError for a document that no layout declares."""
    document_layout(name)
    documents = sql_table("published_documents")
    # The database counts, under the row's lock: of two that publish at once each gets a version of its own.
    insert_ignore(connection, documents.name, [{"name": name, "version": 0, "document": {}, "published_at": now}])
    counted = documents.update().where(documents.c.name == name).values(version=documents.c.version + 1)
    moved = counted.values(document=dict(document), published_at=now).returning(documents.c.version)
    return int(connection.execute(moved).scalar_one())


def replace_document_in(
    connection: Connection, name: str, document: Mapping[str, Any], now: datetime, *, seen: int, overtaken: str
) -> int:
    """The same, if the document is still of the version `seen` that it was made from.

    Raises
    ------
    WriteConflict: with the words of `overtaken`; the transaction is to be given up.
    """
    version = publish_document_in(connection, name, document, now)
    if version != seen + 1:
        raise WriteConflict(overtaken)
    return version


def read_document(engine: Engine, name: str) -> tuple[int, dict[str, Any]]:
    """Version and content of a published view; (0, {}) before the first. Raises StoreUnavailable."""
    with reading(engine) as connection:
        rows = select_in(connection, "published_documents", "name", [name])
    return (rows[0].version, rows[0].document) if rows else (0, {})
