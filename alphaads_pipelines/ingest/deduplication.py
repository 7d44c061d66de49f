"""Deduplicate records by post key: first write wins.

The index stores the winner's place in the stream, so a retry wins its own keys again. A forgotten post keeps its key
with a place that no record has, so later records lose.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, Row

from alphaads_pipelines.stores.sql.relational import insert_ignore, select_in, transaction, upsert

_NOWHERE = -1


class KeyedRecord(NamedTuple):
    """A record's place and its 16-byte post key."""

    key: bytes
    partition: int
    offset: int


def register_keys(engine: Engine, records: Sequence[KeyedRecord]) -> list[bool]:
    """Register keys; whether each record is the first with its key. Ties within a call go to the lowest offset.

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
    """(partition, offset) of the first record of a `post_keys` row, forgotten or not; None if there was none."""
    if row.stream_offset < 0:
        return None
    return (row.stream_partition if row.stream_partition >= 0 else _negated(row.stream_partition), row.stream_offset)


def forget_keys(engine: Engine, keys: Iterable[bytes]) -> None:
    """Refuse these keys from now on. Raises StoreUnavailable."""
    wanted = sorted(set(keys))
    never = [{"post_key": key, "stream_partition": _negated(0), "stream_offset": _NOWHERE} for key in wanted]
    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", never)  # first: waits for concurrent registration of the same keys
        held = [row for row in select_in(connection, "post_keys", "post_key", wanted) if row.stream_partition >= 0]
        negated = [{**row._mapping, "stream_partition": _negated(row.stream_partition)} for row in held]
        upsert(connection, "post_keys", negated)


def _negated(partition: int) -> int:
    """Map a partition to the negative number that marks forgotten posts, and back."""
    return -1 - partition
