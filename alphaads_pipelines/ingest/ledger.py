"""The ledger: which offsets belong to which batch, who works on it, and what became of it.

Every move is a compare-and-set on state and attempt inside a transaction, so planners, workers and people may race.
The attempt is the fencing token: whoever holds an older one is refused at every write and at commit. Batches are
sequential per partition, so the first write of a post is the one with the lowest offset, and the shards of a batch's
partitions belong to it alone while it is active.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.errors import Fenced, InvalidRequest
from alphaads_pipelines.ingest.batches import Batch, BatchCounts, BatchLimits, planned_hour
from alphaads_pipelines.ingest.ledger_rows import LedgerRows
from alphaads_pipelines.ingest.planning import (
    PendingCheck,
    Step,
    affordable_posts,
    backoff,
    is_outage,
    is_turn_of_live,
    is_turn_of_replay,
    next_step,
    plan_batches,
)
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction
from alphaads_pipelines.streams.base import OffsetRange
from alphaads_pipelines.telemetry import get_logger

_ACTIVE = ("planned", "running")
_STUCK = ("failed", "lost")
_HOLDING = (*_ACTIVE, *_STUCK)
"""States in which a batch keeps its partitions."""

_log = get_logger(__name__)
_BATCHES, _RANGES, _POSITIONS = (sql_table(name) for name in ("batches", "batch_ranges", "stream_positions"))


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets that no batch holds, between those that some batch holds."""

    partition: int
    start: int
    end: int


class Ledger:
    """The ledger of one consumer of one topic.

    Parameters
    ----------
    engine: the relational store.
    topic, partitions: the stream.
    shards: the fixed number of shards.
    limits: how large and how many batches may be.
    consumer: name of this walk over the topic.
    """

    def __init__(
        self, engine: Engine, *, topic: str, shards: int, partitions: int, limits: BatchLimits, consumer: str = "posts"
    ) -> None:
        self._engine, self._topic, self._partitions = engine, topic, partitions
        self._rows = LedgerRows(topic, consumer, shards=shards, partitions=partitions)
        self.limits = limits

    def plan(self, ends: Mapping[int, int], now: datetime) -> list[Batch]:
        """Plan what the partitions give and the limits allow; the new batches. Racing planners never overlap."""
        if not self._has_news(ends):
            return []
        with transaction(self._engine) as connection:
            positions = self._rows.positions(connection, lock=True)
            self._rows.note_ends(connection, positions, ends)
            holding = self._rows.select(connection, _BATCHES.c.state.in_(_HOLDING))
            held = {partition for batch in holding for partition in batch.partitions}
            waiting = self._reserved(connection, now)
            free = {
                partition: position.next_offset
                for partition, position in positions.items()
                if partition not in held and is_turn_of_live(position.last_kind, partition in waiting)
            }
            active = sum(batch.state in _ACTIVE for batch in holding)
            limits = replace(self.limits, max_posts=affordable_posts(self._newest(connection), self.limits))
            groups = plan_batches(self._topic, free, ends, limits, active)
            return [self._insert(connection, ranges, ends, now) for ranges in groups]

    def due(self, now: datetime, is_pending: PendingCheck) -> list[Batch]:
        """Batches for which a run must be requested now, oldest first; a dead attempt's batch as its next attempt.

        `is_pending` tells whether the run requested for an attempt still waits in Dagster.
        """
        due = []
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_BATCHES).where(_BATCHES.c.state.in_(_ACTIVE))).all()
            active = self._rows.batches(connection, rows)
        retry_at = {row.batch_seq: row.retry_at for row in rows}
        for batch in sorted(active, key=lambda each: each.seq):
            step = next_step(batch, retry_at[batch.seq], now, self.limits)
            if step is Step.REQUEST:
                due.append(batch)
            elif step is Step.REQUEST_UNLESS_PENDING and is_pending(batch):
                self._touch(batch, now)
            elif step in (Step.NEXT_ATTEMPT, Step.REQUEST_UNLESS_PENDING):
                # A run that never claimed its batch says nothing against it.
                error = "lease_expired" if batch.state == "running" else "interrupted"
                due.extend(self._next_attempt(batch, error, now, retry_at=None))
        return [batch for batch in due if batch.state == "planned"]

    def mark_requested(self, batch: Batch, now: datetime) -> None:
        """A run was requested for this attempt; nothing if the attempt is over already."""
        self._touch(batch, now)

    def claim(self, seq: int, attempt: int, worker: str, now: datetime) -> Batch:
        """Take a planned attempt: it is running, under a lease. Raises Fenced, NotFound."""
        lease_until = now + timedelta(seconds=self.limits.lease_s)
        moved = {"state": "running", "worker": worker, "lease_until": lease_until}
        with transaction(self._engine) as connection:
            self._rows.move(connection, seq, attempt, ("planned",), moved)
            return self._rows.get(connection, seq)

    def renew(self, batch: Batch, now: datetime) -> None:
        """The heartbeat: move the lease's end. Raises Fenced."""
        lease_until = now + timedelta(seconds=self.limits.lease_s)
        with transaction(self._engine) as connection:
            self._rows.move(connection, batch.seq, batch.attempt, ("running",), {"lease_until": lease_until})

    def check(self, batch: Batch) -> None:
        """Raises Fenced unless this attempt still owns the batch."""
        query = sa.select(_BATCHES.c.state, _BATCHES.c.attempt).where(_BATCHES.c.batch_seq == batch.seq)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None or (row.state, row.attempt) != ("running", batch.attempt):
            raise Fenced(f"{batch.id}: attempt {batch.attempt} is no longer the one that may write")

    def commit(self, connection: Connection, batch: Batch, counts: BatchCounts, now: datetime) -> None:
        """Commit inside the caller's transaction. Raises Fenced."""
        figures = {
            "read_posts": counts.read,
            "accepted_posts": counts.accepted,
            "rejected_posts": counts.rejected,
            "duplicate_posts": counts.duplicates,
        }
        done = {"state": "committed", "committed_at": now, "lease_until": None, "held_until": None, "error": None}
        self._rows.move(connection, batch.seq, batch.attempt, ("running",), {**done, **figures, "failures": 0})
        self._complete(connection, batch, counts)

    def fail(self, batch: Batch, error_code: str, now: datetime) -> None:
        """This attempt ended badly: plan the next one, after a pause; the last one waits for a person."""
        retry_at = now if error_code == "interrupted" else now + backoff(batch.attempt, self.limits)
        self._next_attempt(batch, error_code, now, retry_at)

    def lose(self, batch: Batch, now: datetime) -> None:
        """Retention removed records of this batch that nobody read: it waits for a person."""
        with transaction(self._engine) as connection:
            lost = {"state": "lost", "error": "offsets_lost", "lease_until": None}
            self._rows.move(connection, batch.seq, batch.attempt, _ACTIVE, lost)
        _log.error("offsets lost", batch=batch.id, at=now.isoformat())

    def resume_after_loss(self, seq: int, lows: Mapping[int, int], now: datetime) -> Batch:
        """Give up what retention removed and plan the rest again; a batch without a rest is given up itself.

        Raises NotFound, InvalidRequest.
        """
        with transaction(self._engine) as connection:
            batch = self._rows.get(connection, seq)
            if batch.state != "lost":
                raise InvalidRequest(f"{batch.id} is {batch.state}; only a lost batch can go on after a loss")
            left = sum(self._rows.give_up(connection, seq, each, lows.get(each.partition, 0)) for each in batch.ranges)
            rest = {"error": None} if left else {"state": "given_up"}
            self._plan_again(connection, batch, now, {"failures": 0, **rest})
            return self._rows.get(connection, seq)

    def retry(self, seq: int, now: datetime) -> Batch:
        """Try a failed batch again. Raises NotFound, InvalidRequest."""
        with transaction(self._engine) as connection:
            batch = self._rows.get(connection, seq)
            if batch.state != "failed":
                raise InvalidRequest(f"{batch.id} is {batch.state}; only a failed batch can be tried again")
            self._plan_again(connection, batch, now, {"failures": 0, "error": None})
            return self._rows.get(connection, seq)

    def replay(self, seqs: Iterable[int], now: datetime, *, by_caller: bool = False) -> list[Batch]:
        """Plan committed batches to run again over the same ranges, those whose partitions are free now.

        The others are remembered for one lease, so that live batches let them have the next turn; ask again.
        `by_caller`: the caller claims them itself, the sensor need not request a run. Raises NotFound.
        """
        planned = []
        with transaction(self._engine) as connection:
            positions = self._rows.positions(connection, lock=True)
            holding = self._rows.select(connection, _BATCHES.c.state.in_(_HOLDING))
            busy = {partition for batch in holding for partition in batch.partitions}
            for seq in seqs:
                batch = self._rows.get(connection, seq)
                if batch.state != "committed":
                    continue
                if busy.isdisjoint(batch.partitions) and _may_replay(batch, positions):
                    requested_at = now if by_caller else None
                    self._plan_again(connection, batch, now, {"kind": "replay", "requested_at": requested_at})
                    self._rows.take_turn(connection, batch.partitions, "replay")
                    busy.update(batch.partitions)
                    planned.append(self._rows.get(connection, seq))
                else:
                    until = now + timedelta(seconds=self.limits.lease_s)
                    self._rows.update(connection, seq, {"held_until": until})
        return planned

    def get(self, seq: int) -> Batch:
        """One batch. Raises NotFound."""
        with reading(self._engine) as connection:
            return self._rows.get(connection, seq)

    def batches(self, *, hour: str | None = None, state: str | None = None, limit: int = 100) -> list[Batch]:
        """Batches, newest first; only those planned in `hour`, or in `state`, if given."""
        conditions: list[sa.ColumnElement[bool]] = []
        if hour is not None:
            conditions.append(_BATCHES.c.planned_hour == hour)
        if state is not None:
            conditions.append(_BATCHES.c.state == state)
        with reading(self._engine) as connection:
            return self._rows.select(connection, *conditions, limit=limit)

    def stuck(self) -> list[Batch]:
        """Every batch that waits for a person, newest first; few, for each holds its partitions."""
        with reading(self._engine) as connection:
            return self._rows.select(connection, _BATCHES.c.state.in_(_STUCK))

    def backlog(self, ends: Mapping[int, int]) -> int:
        """Offsets up to `ends` that are not in a committed batch."""
        with reading(self._engine) as connection:
            positions = self._rows.positions(connection)
            open_batches = self._rows.select(connection, _BATCHES.c.state.in_(_HOLDING), _BATCHES.c.kind == "live")
        waiting = sum(
            max(0, end - (positions[partition].next_offset if partition in positions else 0))
            for partition, end in ends.items()
        )
        return waiting + sum(batch.offsets for batch in open_batches)

    def note_idle(self, ends: Mapping[int, int], polled_at: datetime) -> None:
        """Partitions that hold nothing unpublished at `polled_at` are complete until then."""
        with reading(self._engine) as connection:
            positions = self._rows.positions(connection)
            open_batches = self._rows.select(connection, _BATCHES.c.state.in_(_HOLDING), _BATCHES.c.kind == "live")
        busy = {partition for batch in open_batches for partition in batch.partitions}
        idle = [
            partition
            for partition, position in positions.items()
            if partition not in busy and position.next_offset >= ends.get(partition, 0)
        ]
        if idle:
            with transaction(self._engine) as connection:
                for partition in idle:
                    self._rows.advance(connection, partition, polled_at, at_offset=positions[partition].next_offset)

    def complete_until(self) -> datetime | None:
        """All records that intake saw before this time are published; None before anything was."""
        with reading(self._engine) as connection:
            times = [position.complete_until for position in self._rows.positions(connection).values()]
        return min(times) if len(times) == self._partitions and None not in times else None

    def lost_offsets(self) -> int:
        """Offsets given up by command so far."""
        with reading(self._engine) as connection:
            return sum(position.lost_offsets for position in self._rows.positions(connection).values())

    def gaps(self) -> list[Gap]:
        """Offsets between batches that no batch holds; lost ones were given up and are not gaps."""
        return [Gap(partition, held, start) for partition, held, start, _ in self._seams() if start > held]

    def overlaps(self) -> list[Gap]:
        """Offsets that more than one batch holds."""
        seams = self._seams()
        return [Gap(partition, start, min(held, end)) for partition, held, start, end in seams if start < held]

    def _has_news(self, ends: Mapping[int, int]) -> bool:
        with reading(self._engine) as connection:
            positions = self._rows.positions(connection)
        if len(positions) < self._partitions:
            with transaction(self._engine) as connection:
                insert_ignore(
                    connection, _POSITIONS.name, [self._rows.new_position(each) for each in range(self._partitions)]
                )
            return True
        return any(end > positions[partition].next_offset for partition, end in ends.items() if partition in positions)

    def _reserved(self, connection: Connection, now: datetime) -> set[int]:
        # Only committed batches are held, and asking for their state would read all that ever were.
        waiting = self._rows.select(connection, _BATCHES.c.held_until > now)
        return {partition for batch in waiting for partition in batch.partitions}

    def _newest(self, connection: Connection) -> Batch | None:
        """The newest committed batch that came from the stream: a replay may have left out half of the work."""
        fresh = (_BATCHES.c.state == "committed", _BATCHES.c.kind == "live")
        return next(iter(self._rows.select(connection, *fresh, limit=1)), None)

    def _insert(
        self, connection: Connection, ranges: Sequence[OffsetRange], ends: Mapping[int, int], now: datetime
    ) -> Batch:
        row = {"kind": "live", "state": "planned", "attempt": 1, "failures": 0, "planned_at": now}
        inserted = connection.execute(_BATCHES.insert().values(**row, planned_hour=planned_hour(now)))
        [seq] = inserted.inserted_primary_key or (0,)
        for each in ranges:
            reached_end = each.end >= ends[each.partition]
            where = {"batch_seq": seq, "topic": each.topic, "partition": each.partition}
            offsets = {"start_offset": each.start, "end_offset": each.end, "reached_end": reached_end}
            connection.execute(_RANGES.insert().values(**where, **offsets))
            position = _POSITIONS.update().where(self._rows.own(), _POSITIONS.c.partition == each.partition)
            connection.execute(position.values(next_offset=each.end, last_kind="live"))
        return self._rows.get(connection, int(seq))

    def _touch(self, batch: Batch, now: datetime) -> None:
        # Planners race with each other and with workers: whoever is late has nothing to note.
        with suppress(Fenced), transaction(self._engine) as connection:
            self._rows.move(connection, batch.seq, batch.attempt, _ACTIVE, {"requested_at": now})

    def _next_attempt(self, batch: Batch, error: str, now: datetime, retry_at: datetime | None) -> list[Batch]:
        failures = batch.failures + (0 if is_outage(error) else 1)
        over = failures >= self.limits.max_attempts
        state = {"state": "failed" if over else "planned", "failures": failures, "error": error, "retry_at": retry_at}
        try:
            with transaction(self._engine) as connection:
                fresh = {"attempt": batch.attempt + 1, "requested_at": None, "lease_until": None, "worker": None}
                self._rows.move(connection, batch.seq, batch.attempt, _ACTIVE, {**fresh, **state})
                moved = self._rows.get(connection, batch.seq)
        except Fenced:
            return []  # somebody else moved it on
        _log.warning("attempt over", batch=batch.id, attempt=batch.attempt, error=error, next=moved.state)
        return [moved] if retry_at is None or retry_at <= now else []

    def _plan_again(self, connection: Connection, batch: Batch, now: datetime, extra: Mapping[str, Any]) -> None:
        fresh = {"state": "planned", "attempt": batch.attempt + 1, "lease_until": None, "worker": None}
        cleared = {"requested_at": None, "retry_at": None, "held_until": None}
        self._rows.move(connection, batch.seq, batch.attempt, (batch.state,), {**fresh, **cleared, **extra})
        _log.info("planned again", batch=batch.id, was=batch.state, at=now.isoformat())

    def _complete(self, connection: Connection, batch: Batch, counts: BatchCounts) -> None:
        query = sa.select(_RANGES).where(_RANGES.c.batch_seq == batch.seq)
        for row in connection.execute(query).all():
            # Nothing that a record says of its time counts beyond the plan: it may have come from a wrong clock.
            seen = batch.planned_at if row.reached_end else counts.seen_until.get(row.partition)
            if seen is not None:
                until = min(seen, batch.planned_at)
                self._rows.advance(connection, row.partition, until, at_offset=row.end_offset)

    def _seams(self) -> Iterator[tuple[int, int, int, int]]:
        """(partition, end of what the ranges before hold, start, end) of every range but each partition's first."""
        with reading(self._engine) as connection:
            walk = self._rows.walk(connection)
        for partition, ranges in walk.items():
            held = ranges[0][1]
            for start, end in ranges[1:]:
                yield partition, held, start, end
                held = max(held, end)


def _may_replay(batch: Batch, positions: Mapping[int, Row[Any]]) -> bool:
    held = [positions[partition] for partition in batch.partitions if partition in positions]
    return all(is_turn_of_replay(each.last_kind, each.next_offset, each.end_offset) for each in held)
