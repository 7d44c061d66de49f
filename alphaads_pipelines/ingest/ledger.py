"""The ledger: which offsets belong to which batch, its worker and outcome.

Every transition is a transactional compare-and-set on state and attempt, so planners, workers and operators may race.
The attempt is a fencing token, checked at every write and at commit. Batches are sequential per partition, so a post's
first write has the lowest offset; an active batch owns its partitions' shards exclusively.
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
    """A range of offsets within a partition."""

    partition: int
    start: int
    end: int


class Ledger:
    """Ledger of one consumer of one topic.

    Parameters
    ----------
    partitions: of the topic.
    shards: total number, fixed.
    """

    def __init__(
        self, engine: Engine, *, topic: str, shards: int, partitions: int, limits: BatchLimits, consumer: str = "posts"
    ) -> None:
        self._engine, self._topic, self._partitions = engine, topic, partitions
        self._rows = LedgerRows(topic, consumer, shards=shards, partitions=partitions)
        self.limits = limits

    def plan(self, ends: Mapping[int, int], now: datetime) -> list[Batch]:
        """Plan and return new batches within the limits. Racing planners never overlap."""
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
        """Batches that need a run request now, oldest first; for a dead attempt, its next one.

        `is_pending`: whether an attempt's run is pending in Dagster.
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
                # An unclaimed run does not count against its batch.
                error = "lease_expired" if batch.state == "running" else "interrupted"
                due.extend(self._next_attempt(batch, error, now, retry_at=None))
        return [batch for batch in due if batch.state == "planned"]

    def mark_requested(self, batch: Batch, now: datetime) -> None:
        """Mark as requested; no-op if the attempt is over."""
        self._touch(batch, now)

    def claim(self, seq: int, attempt: int, worker: str, now: datetime) -> Batch:
        """Claim a planned attempt and start its lease. Raises Fenced, NotFound."""
        lease_until = now + timedelta(seconds=self.limits.lease_s)
        moved = {"state": "running", "worker": worker, "lease_until": lease_until}
        with transaction(self._engine) as connection:
            self._rows.move(connection, seq, attempt, ("planned",), moved)
            return self._rows.get(connection, seq)

    def renew(self, batch: Batch, now: datetime) -> None:
        """Renew the lease. Raises Fenced."""
        lease_until = now + timedelta(seconds=self.limits.lease_s)
        with transaction(self._engine) as connection:
            self._rows.move(connection, batch.seq, batch.attempt, ("running",), {"lease_until": lease_until})

    def check(self, batch: Batch) -> None:
        """Raise Fenced unless this attempt owns the batch."""
        query = sa.select(_BATCHES.c.state, _BATCHES.c.attempt).where(_BATCHES.c.batch_seq == batch.seq)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None or (row.state, row.attempt) != ("running", batch.attempt):
            raise Fenced(f"{batch.id}: attempt {batch.attempt} is no longer the one that may write")

    def commit(self, connection: Connection, batch: Batch, counts: BatchCounts, now: datetime) -> None:
        """Commit in the caller's transaction. Raises Fenced."""
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
        """Fail this attempt and plan the next after a backoff; after the last, wait for an operator."""
        retry_at = now if error_code == "interrupted" else now + backoff(batch.attempt, self.limits)
        self._next_attempt(batch, error_code, now, retry_at)

    def lose(self, batch: Batch, now: datetime) -> None:
        """Mark as lost: retention removed unread records. The batch waits for an operator."""
        with transaction(self._engine) as connection:
            lost = {"state": "lost", "error": "offsets_lost", "lease_until": None}
            self._rows.move(connection, batch.seq, batch.attempt, _ACTIVE, lost)
        _log.error("offsets lost", batch=batch.id, at=now.isoformat())

    def resume_after_loss(self, seq: int, lows: Mapping[int, int], now: datetime) -> Batch:
        """Give up lost offsets and plan the rest again; without a rest, give up the batch.

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
        """Retry a failed batch. Raises NotFound, InvalidRequest."""
        with transaction(self._engine) as connection:
            batch = self._rows.get(connection, seq)
            if batch.state != "failed":
                raise InvalidRequest(f"{batch.id} is {batch.state}; only a failed batch can be tried again")
            self._plan_again(connection, batch, now, {"failures": 0, "error": None})
            return self._rows.get(connection, seq)

    def replay(self, seqs: Iterable[int], now: datetime, *, by_caller: bool = False) -> list[Batch]:
        """Plan committed batches again over the same ranges, if their partitions are free.

        The others are held for one lease, so that live batches yield the next turn; call again.
        `by_caller`: the caller claims them, without a run request. Raises NotFound.
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
        """Batches, newest first; optionally of one hour or state."""
        conditions: list[sa.ColumnElement[bool]] = []
        if hour is not None:
            conditions.append(_BATCHES.c.planned_hour == hour)
        if state is not None:
            conditions.append(_BATCHES.c.state == state)
        with reading(self._engine) as connection:
            return self._rows.select(connection, *conditions, limit=limit)

    def stuck(self) -> list[Batch]:
        """Batches that wait for an operator, newest first. Few: each blocks its partitions."""
        with reading(self._engine) as connection:
            return self._rows.select(connection, _BATCHES.c.state.in_(_STUCK))

    def backlog(self, ends: Mapping[int, int]) -> int:
        """Count offsets up to `ends` outside committed batches."""
        with reading(self._engine) as connection:
            positions = self._rows.positions(connection)
            open_batches = self._rows.select(connection, _BATCHES.c.state.in_(_HOLDING), _BATCHES.c.kind == "live")
        waiting = sum(
            max(0, end - (positions[partition].next_offset if partition in positions else 0))
            for partition, end in ends.items()
        )
        return waiting + sum(batch.offsets for batch in open_batches)

    def note_idle(self, ends: Mapping[int, int], polled_at: datetime) -> None:
        """Mark partitions without unpublished records at `polled_at` as complete until then."""
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
        """Intake time up to which all records are published; None before the first."""
        with reading(self._engine) as connection:
            times = [position.complete_until for position in self._rows.positions(connection).values()]
        return min(times) if len(times) == self._partitions and None not in times else None

    def lost_offsets(self) -> int:
        """Offsets given up by command so far."""
        with reading(self._engine) as connection:
            return sum(position.lost_offsets for position in self._rows.positions(connection).values())

    def gaps(self) -> list[Gap]:
        """Offsets between batches that no batch holds; given-up offsets are held."""
        return [Gap(partition, held, start) for partition, held, start, _ in self._seams() if start > held]

    def overlaps(self) -> list[Gap]:
        """Offsets held by more than one batch."""
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
        # Filtering by state would read all batches ever committed; only these are held.
        waiting = self._rows.select(connection, _BATCHES.c.held_until > now)
        return {partition for batch in waiting for partition in batch.partitions}

    def _newest(self, connection: Connection) -> Batch | None:
        """The newest committed live batch: a replay may skip half of the work."""
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
        # Planners and workers race; the late one has nothing to record.
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
            return []
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
            # Record times beyond the plan are ignored: clocks may be wrong.
            seen = batch.planned_at if row.reached_end else counts.seen_until.get(row.partition)
            if seen is not None:
                until = min(seen, batch.planned_at)
                self._rows.advance(connection, row.partition, until, at_offset=row.end_offset)

    def _seams(self) -> Iterator[tuple[int, int, int, int]]:
        """(partition, end of preceding ranges, start, end) of every range but each partition's first."""
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
