"""The published profiles, and whose of them the last publications changed.

Belongs here: writes and reads of `live_profiles` and `profile_changes`. Does not: when a shard's pointer moves
(ingest/publish.py), what a state holds (profiles/state.py).

Readers follow the changes instead of an index over all profiles: an index entry that moves leaves a page anywhere in a
large store, while changes are appended at one end and trimmed at the other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from alphaads_pipelines.stores.sql.relational import sql_table, upsert

LISTED = 32
"""Publications whose changes are kept; who missed more reads whole shards."""

_PROFILES, _CHANGES = sql_table("live_profiles"), sql_table("profile_changes")
_CHUNK_ROWS = 2_000


def write_profiles(connection: Connection, profiles: Sequence[Mapping[str, Any]], publish_seq: int) -> None:
    """Make profiles current and list them as changed by the publication `publish_seq`.

    Parameters
    ----------
    profiles: subject_id, shard, state.
    """
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
    """Forget changes that are older than the last `LISTED` publications; shard -> `listed_after` of its pointer.

    Parameters
    ----------
    shards: that publish now; nobody else does so meanwhile.
    held: shard -> its row of `published` so far.
    """
    after = {shard: _listed_after(held[shard], publish_seq) if shard in held else 0 for shard in shards}
    trimmed = [{"of": shard, "until": after[shard]} for shard in held if held[shard].listed_after != after[shard]]
    if trimmed:
        old = (_CHANGES.c.shard == sa.bindparam("of")) & (_CHANGES.c.publish_seq <= sa.bindparam("until"))
        connection.execute(_CHANGES.delete().where(old), trimmed)
    return after


def _listed_after(held: Row[Any], publish_seq: int) -> int:
    """Of a shard that seldom moves the last change stays: a reader that is at its pointer must find the next one."""
    since = held.publish_seq if held.listed_after is None else held.listed_after
    after: int = max(since, min(held.publish_seq, publish_seq - LISTED))
    return after


def changed_profiles(connection: Connection, shard: int, after: int) -> dict[str, bytes]:
    """Subject id -> state, of whom later publications of the shard than `after` changed."""
    query = (
        sa.select(_PROFILES.c.subject_id, _PROFILES.c.state)
        .join(_CHANGES, _CHANGES.c.subject_id == _PROFILES.c.subject_id)
        .where(_CHANGES.c.shard == shard, _CHANGES.c.publish_seq > after)
    )
    return {row.subject_id: bytes(row.state) for row in connection.execute(query)}


def whole_shards(connection: Connection, shards: Collection[int]) -> dict[int, dict[str, bytes]]:
    """Shard -> subject id -> state, of everybody there, in one walk over all profiles."""
    found: dict[int, dict[str, bytes]] = {shard: {} for shard in shards}
    query = sa.select(_PROFILES.c.shard, _PROFILES.c.subject_id, _PROFILES.c.state)
    wanted = query.where(_PROFILES.c.shard.in_(found)).execution_options(yield_per=_CHUNK_ROWS)
    for row in connection.execute(wanted):
        found[row.shard][row.subject_id] = bytes(row.state)
    return found
