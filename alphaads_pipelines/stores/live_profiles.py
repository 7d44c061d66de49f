"""Published profiles, and the subjects that recent publications changed.

Does not belong here: moving a shard's pointer (ingest/publish.py), a state's contents (profiles/state.py).

Changes are a list, appended at one end and trimmed at the other: an index over all profiles would dirty a page anywhere
in a large store.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from alphaads_pipelines.stores.sql.relational import sql_table, upsert

LISTED = 32
"""Publications whose changes are kept; a reader that missed more reads whole shards."""

_PROFILES, _CHANGES = sql_table("live_profiles"), sql_table("profile_changes")
_CHUNK_ROWS = 2_000


def write_profiles(connection: Connection, profiles: Sequence[Mapping[str, Any]], publish_seq: int) -> None:
    """Upsert profiles (subject_id, shard, state), and list them as changed by the publication `publish_seq`."""
    if not profiles:
        return
    upsert(connection, "live_profiles", [{**each, "publish_seq": publish_seq} for each in profiles])
    changes = [
        {"shard": each["shard"], "publish_seq": publish_seq, "subject_id": each["subject_id"]} for each in profiles
    ]
    connection.execute(_CHANGES.insert(), changes)


def trim_changes(
    connection: Connection, shards: Collection[int], held: Mapping[int, Row[Any]], publish_seq: int
) -> dict[int, int]:
    """Delete changes older than the last `LISTED` publications; shard -> `listed_after` of its pointer.

    Parameters
    ----------
    shards: published now, under the caller's lock. held: shard -> its row of `published` so far.
    """
    after = {shard: _listed_after(held[shard], publish_seq) if shard in held else 0 for shard in shards}
    trimmed = [{"of": shard, "until": after[shard]} for shard in held if held[shard].listed_after != after[shard]]
    if trimmed:
        old = (_CHANGES.c.shard == sa.bindparam("of")) & (_CHANGES.c.publish_seq <= sa.bindparam("until"))
        connection.execute(_CHANGES.delete().where(old), trimmed)
    return after


def _listed_after(held: Row[Any], publish_seq: int) -> int:
    """Keep a rarely published shard's last change: a reader at its pointer must find the next one."""
    since = held.publish_seq if held.listed_after is None else held.listed_after
    after: int = max(since, min(held.publish_seq, publish_seq - LISTED))
    return after


def changed_profiles(connection: Connection, shard: int, after: int) -> dict[str, bytes]:
    """Subject id -> state, of subjects changed by publications of the shard later than `after`."""
    query = (
        sa.select(_PROFILES.c.subject_id, _PROFILES.c.state)
        .join(_CHANGES, _CHANGES.c.subject_id == _PROFILES.c.subject_id)
        .where(_CHANGES.c.shard == shard, _CHANGES.c.publish_seq > after)
    )
    return {row.subject_id: bytes(row.state) for row in connection.execute(query)}


def whole_shards(connection: Connection, shards: Collection[int]) -> dict[int, dict[str, bytes]]:
    """Shard -> subject id -> state, in one scan over all profiles."""
    found: dict[int, dict[str, bytes]] = {shard: {} for shard in shards}
    query = sa.select(_PROFILES.c.shard, _PROFILES.c.subject_id, _PROFILES.c.state)
    wanted = query.where(_PROFILES.c.shard.in_(found)).execution_options(yield_per=_CHUNK_ROWS)
    for row in connection.execute(wanted):
        found[row.shard][row.subject_id] = bytes(row.state)
    return found
