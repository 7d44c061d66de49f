"""Publishing: one transaction that commits a batch, moves the live profiles and the pointer of each of its shards.

A reader sees all of a batch or nothing of it; an attempt that was overtaken changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import WriteConflict
from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.schema.records import document_layout
from alphaads_pipelines.stores.live_profiles import trim_changes, write_profiles
from alphaads_pipelines.stores.sql.fastpath.statement import Prepared
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in, sql_table, transaction, upsert
from alphaads_pipelines.stores.subjects.subject_keys import holding_keys

_LIVE = ("subject_id", "shard", "state")
_DOCUMENTS = sql_table("published_documents")
_VERSION = Prepared(sa.select(_DOCUMENTS.c.version).where(_DOCUMENTS.c.name == sa.bindparam("of_name")))


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
        live = [row for row in rows if row["subject_id"] in known]
        publish_profiles(connection, live, batch.shards, move, versions, now)


def publish_profiles(
    connection: Connection,
    profiles: Sequence[Mapping[str, Any]],
    shards: Collection[int],
    move: int,
    versions: Mapping[str, int],
    now: datetime,
) -> None:
    """Make profiles of these shards current and move the shards' pointers, inside the caller's transaction.

    Parameters
    ----------
    profiles: subject_id, shard, state.
    shards: nobody else publishes to them meanwhile.
    """
    write_profiles(connection, profiles, move)
    _move_pointers(connection, shards, move, versions, now)


def _next_move(connection: Connection) -> int:
    """Pointers count moves, not batches: a replay of an old batch must show as news, too."""
    published = sql_table("published")
    return (
        int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(published.c.publish_seq), 0))).scalar_one()) + 1
    )


def _move_pointers(
    connection: Connection, shards: Collection[int], move: int, versions: Mapping[str, int], now: datetime
) -> None:
    held = {row.shard: row for row in select_in(connection, "published", "shard", shards)}
    moved = {"publish_seq": move, "published_at": now}
    rows: list[dict[str, Any]] = [
        {
            **moved,
            "shard": shard,
            "versions": {**(held[shard].versions if shard in held else {}), **versions},
            "listed_after": listed_after,
        }
        for shard, listed_after in trim_changes(connection, shards, held, move).items()
    ]
    upsert(connection, "published", rows)


def publish_document(engine: Engine, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """Swap a small published view whole; its new version. Raises StoreUnavailable."""
    with transaction(engine) as connection:
        return publish_document_in(connection, name, document, now)


def publish_document_in(connection: Connection, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """The same inside the caller's transaction. Raises KeyError for a document that no layout declares."""
    document_layout(name)
    # The database counts, under the row's lock: of two that publish at once each gets a version of its own.
    insert_ignore(connection, _DOCUMENTS.name, [{"name": name, "version": 0, "document": {}, "published_at": now}])
    counted = _DOCUMENTS.update().where(_DOCUMENTS.c.name == name).values(version=_DOCUMENTS.c.version + 1)
    moved = counted.values(document=dict(document), published_at=now).returning(_DOCUMENTS.c.version)
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


def document_version_in(connection: Connection, name: str) -> int:
    """Version of a published view, 0 before the first; for those who ask often, and read it only when it moved."""
    return _VERSION.scalar(connection, of_name=name) or 0


def read_document(engine: Engine, name: str) -> tuple[int, dict[str, Any]]:
    """Version and content of a published view; (0, {}) before the first. Raises StoreUnavailable."""
    with reading(engine) as connection:
        rows = select_in(connection, _DOCUMENTS.name, "name", [name])
    return (rows[0].version, rows[0].document) if rows else (0, {})
