"""First write wins: the index of post keys decides which record of a post is the one that counts.

A claim names the record's place in the stream, so an attempt that runs again wins its own claims again. A post that was
forgotten keeps its key with a place that no record has, so that every record of it loses from then on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row

from alphaads_pipelines.stores.sql.relational import insert_ignore, select_in, transaction, upsert

_NOWHERE = -1


class KeyedRecord(NamedTuple):
    """A record that claims a key: 16 bytes, and where it lies."""

    key: bytes
    partition: int
    offset: int


def register_keys(engine: Engine, records: Sequence[KeyedRecord]) -> list[bool]:
    """Whether each claimant is the first that ever claimed its key; the lowest offset within one call.

    Raises StoreUnavailable.
    """
    if not records:
        return []
    lowest: dict[bytes, KeyedRecord] = {}
    for each in records:
        first = lowest.get(each.key)
        if first is None or (each.partition, each.offset) < (first.partition, first.offset):
            lowest[each.key] = each
    rows = [
        {"post_key": each.key, "stream_partition": each.partition, "stream_offset": each.offset}
        for each in lowest.values()
    ]
    with transaction(engine) as connection:
        if insert_ignore(connection, "post_keys", rows) == len(rows):
            winners = {each.key: (each.partition, each.offset) for each in lowest.values()}
        else:
            found = select_in(connection, "post_keys", "post_key", lowest)
            winners = {bytes(row.post_key): (row.stream_partition, row.stream_offset) for row in found}
    return [winners[each.key] == (each.partition, each.offset) for each in records]


def place_of(row: Row[Any]) -> tuple[int, int] | None:
    """(partition, offset) of the record that has, or had, the key of a row of `post_keys`; None if none ever had."""
    if row.stream_offset < 0:
        return None
    return (row.stream_partition if row.stream_partition >= 0 else _negated(row.stream_partition), row.stream_offset)


def forget_keys(engine: Engine, keys: Iterable[bytes]) -> None:
    """Let no record have these keys, those that are not in yet included. Raises StoreUnavailable."""
    wanted = sorted(set(keys))
    never = [{"post_key": key, "stream_partition": _negated(0), "stream_offset": _NOWHERE} for key in wanted]
    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", never)  # first: it waits for who claims one of them just now
        held = [row for row in select_in(connection, "post_keys", "post_key", wanted) if row.stream_partition >= 0]
        negated = [{**row._mapping, "stream_partition": _negated(row.stream_partition)} for row in held]
        upsert(connection, "post_keys", negated)


def _negated(partition: int) -> int:
    """Partitions below 0 stand for those that a forgotten post lay in, and back."""
    return -1 - partition
