"""First write wins: the index of post keys decides which record of a post is the one that counts.

A claim names the record's place in the stream, so an attempt that runs again wins its own claims again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine

from alphaads_pipelines.stores.relational import insert_ignore, select_in, transaction


class Claimant(NamedTuple):
    """A record that claims a key: 16 bytes, and where it lies."""

    key: bytes
    partition: int
    offset: int


def claim_first(engine: Engine, claimants: Sequence[Claimant]) -> list[bool]:
    """Whether each claimant is the first that ever claimed its key; the lowest offset within one call.

    Raises StoreUnavailable.
    """
    if not claimants:
        return []
    lowest: dict[bytes, Claimant] = {}
    for each in claimants:
        held = lowest.get(each.key)
        if held is None or (each.partition, each.offset) < (held.partition, held.offset):
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
    return [winners[each.key] == (each.partition, each.offset) for each in claimants]
