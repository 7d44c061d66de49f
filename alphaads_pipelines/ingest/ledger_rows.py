"""SQL of the ledger: batches, positions, compare-and-set.

Belongs here: SQL. Does not: which transition is due (ledger.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from alphaads_pipelines.errors import Fenced, NotFound
from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.ingest.planning import shards_of
from alphaads_pipelines.stores.sql.relational import select_in, sql_table
from alphaads_pipelines.streams.base import OffsetRange

_BATCHES, _RANGES, _POSITIONS = (sql_table(name) for name in ("batches", "batch_ranges", "stream_positions"))


class LedgerRows:
    """Rows of one consumer of one topic, in the caller's transaction."""

    def __init__(self, topic: str, consumer: str, *, shards: int, partitions: int) -> None:
        self._topic, self._consumer = topic, consumer
        self._shards, self._partitions = shards, partitions

    def own(self) -> sa.ColumnElement[bool]:
        """Condition for this consumer's positions."""
        return (_POSITIONS.c.consumer == self._consumer) & (_POSITIONS.c.topic == self._topic)

    def positions(self, connection: Connection, *, lock: bool = False) -> dict[int, Row[Any]]:
        """Partition -> its row, optionally locked."""
        query = sa.select(_POSITIONS).where(self.own()).order_by(_POSITIONS.c.partition)
        rows = connection.execute(query.with_for_update() if lock else query)
        return {row.partition: row for row in rows}

    def update(self, connection: Connection, seq: int, values: Mapping[str, Any]) -> None:
        """Update columns of one batch."""
        connection.execute(_BATCHES.update().where(_BATCHES.c.batch_seq == seq).values(**values))

    def move(
        self, connection: Connection, seq: int, attempt: int, states: Sequence[str], values: Mapping[str, Any]
    ) -> None:
        """Compare-and-set on attempt and state. Raises Fenced, NotFound."""
        update = _BATCHES.update().where(
            _BATCHES.c.batch_seq == seq, _BATCHES.c.attempt == attempt, _BATCHES.c.state.in_(states)
        )
        if connection.execute(update.values(**values)).rowcount != 1:
            batch = self.get(connection, seq)
            raise Fenced(f"{batch.id} is {batch.state} at attempt {batch.attempt}; attempt {attempt} may not move it")

    def get(self, connection: Connection, seq: int) -> Batch:
        """One batch. Raises NotFound."""
        found = self.select(connection, _BATCHES.c.batch_seq == seq)
        if not found:
            raise NotFound(f"there is no batch b{seq:09d}")
        return found[0]

    def select(self, connection: Connection, *where: sa.ColumnElement[bool], limit: int | None = None) -> list[Batch]:
        """Batches that meet the conditions, newest first."""
        query = sa.select(_BATCHES).where(*where).order_by(_BATCHES.c.batch_seq.desc()).limit(limit)
        return self.batches(connection, connection.execute(query).all())

    def batches(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Batch]:
        """Build batches, with one query for all ranges."""
        ranges: dict[int, list[OffsetRange]] = {row.batch_seq: [] for row in rows}
        for row in select_in(connection, _RANGES.name, "batch_seq", ranges):
            if row.topic == self._topic:
                ranges[row.batch_seq].append(OffsetRange(row.topic, row.partition, row.start_offset, row.end_offset))
        by_partition = attrgetter("partition")
        return [self.batch(row, tuple(sorted(ranges[row.batch_seq], key=by_partition))) for row in rows]

    def batch(self, row: Row[Any], ranges: tuple[OffsetRange, ...]) -> Batch:
        """Build one batch."""
        counts = None
        if row.read_posts is not None:
            counts = BatchCounts(row.read_posts, row.accepted_posts, row.rejected_posts, row.duplicate_posts)
        partitions = tuple(each.partition for each in ranges)
        return Batch(
            seq=row.batch_seq,
            attempt=row.attempt,
            kind=row.kind,
            state=row.state,
            ranges=ranges,
            shards=shards_of(partitions, shards=self._shards, of_partitions=self._partitions),
            planned_at=row.planned_at,
            planned_hour=row.planned_hour,
            requested_at=row.requested_at,
            lease_until=row.lease_until,
            worker=row.worker,
            committed_at=row.committed_at,
            counts=counts,
            failures=row.failures,
            error=row.error,
        )

    def advance(self, connection: Connection, partition: int, until: datetime, at_offset: int) -> None:
        """Advance a partition's `complete_until`, unless more was planned since."""
        # An old idle poll must not overtake a newer batch.
        current = _POSITIONS.c.complete_until
        update = _POSITIONS.update().where(
            self.own(),
            _POSITIONS.c.partition == partition,
            _POSITIONS.c.next_offset == at_offset,
            sa.or_(current.is_(None), current < until),
        )
        connection.execute(update.values(complete_until=until))

    def note_ends(self, connection: Connection, positions: Mapping[int, Row[Any]], ends: Mapping[int, int]) -> None:
        """Store the partitions' ends, busy ones too: replay turns depend on them."""
        for partition, position in positions.items():
            if ends.get(partition, 0) > position.end_offset:
                update = _POSITIONS.update().where(self.own(), _POSITIONS.c.partition == partition)
                connection.execute(update.values(end_offset=ends[partition]))

    def take_turn(self, connection: Connection, partitions: Sequence[int], kind: str) -> None:
        """Store which kind of batch had the partitions last."""
        update = _POSITIONS.update().where(self.own(), _POSITIONS.c.partition.in_(partitions))
        connection.execute(update.values(last_kind=kind))

    def give_up(self, connection: Connection, seq: int, each: OffsetRange, low: int) -> int:
        """Move a range's offsets below `low` into a given-up batch; returns the offsets that remain."""
        low = min(max(each.start, low), each.end)
        if low == each.start:
            return len(each)
        where = (_RANGES.c.batch_seq == seq) & (_RANGES.c.topic == each.topic) & (_RANGES.c.partition == each.partition)
        # An empty range would be lost repeatedly as retention advances.
        kept = _RANGES.update().values(start_offset=low) if low < each.end else _RANGES.delete()
        connection.execute(kept.where(where))
        given_up = {"kind": "lost", "state": "given_up", "attempt": 1, "failures": 0, "error": "offsets_lost"}
        source = sa.select(_BATCHES.c.planned_at, _BATCHES.c.planned_hour).where(_BATCHES.c.batch_seq == seq)
        planned_at, hour = connection.execute(source).one()
        inserted = connection.execute(_BATCHES.insert().values(**given_up, planned_at=planned_at, planned_hour=hour))
        [lost_seq] = inserted.inserted_primary_key or (0,)
        lost = {"topic": each.topic, "partition": each.partition, "start_offset": each.start, "end_offset": low}
        connection.execute(_RANGES.insert().values(batch_seq=lost_seq, reached_end=False, **lost))
        position = _POSITIONS.update().where(self.own(), _POSITIONS.c.partition == each.partition)
        connection.execute(position.values(lost_offsets=_POSITIONS.c.lost_offsets + (low - each.start)))
        return each.end - low

    def new_position(self, partition: int) -> dict[str, Any]:
        """Initial position of a partition."""
        where = {"consumer": self._consumer, "topic": self._topic, "partition": partition}
        return {
            **where,
            "next_offset": 0,
            "end_offset": 0,
            "last_kind": "live",
            "lost_offsets": 0,
            "complete_until": None,
        }

    def walk(self, connection: Connection) -> Mapping[int, list[tuple[int, int]]]:
        """Partition -> (start, end) of every range, in order."""
        query = sa.select(_RANGES).where(_RANGES.c.topic == self._topic)
        rows = connection.execute(query.order_by(_RANGES.c.partition, _RANGES.c.start_offset)).all()
        walk: dict[int, list[tuple[int, int]]] = {}
        for row in rows:
            walk.setdefault(row.partition, []).append((row.start_offset, row.end_offset))
        return walk
