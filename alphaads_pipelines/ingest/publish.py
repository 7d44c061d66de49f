"""Publish a batch in one transaction: commit, live profiles, and the pointer of each shard.

Readers see all of a batch or nothing; a fenced attempt changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.stores.live_profiles import trim_changes, write_profiles
from alphaads_pipelines.stores.sql.relational import select_in, sql_table, transaction, upsert
from alphaads_pipelines.stores.subjects.subject_keys import holding_keys

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
    profiles: current rows of `customer_profiles`; people erased meanwhile are skipped.
    versions: lake table -> Delta version.

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
    """Make profiles current and move their shards' pointers, in the caller's transaction.

    Parameters
    ----------
    profiles: subject_id, shard, state.
    shards: without another publisher meanwhile.
    """
    write_profiles(connection, profiles, move)
    _move_pointers(connection, shards, move, versions, now)


def _next_move(connection: Connection) -> int:
    """Number the move; a batch's sequence number would hide replays, which must appear as changes, too."""
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
