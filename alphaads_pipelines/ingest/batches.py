"""A micro-batch as everybody sees it: which offsets, which shards, which attempt, and what became of it.

Belongs here: plain values. Does not: how batches are planned (planning.py), stored and moved on (ledger.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.stores.lake.base import Slice
from alphaads_pipelines.streams.base import OffsetRange

Kind = Literal["live", "replay", "lost"]
"""live: planned from the stream; replay: run again after its commit; lost: offsets given up by command."""

State = Literal["planned", "running", "committed", "failed", "lost", "given_up"]
"""planned -> running -> committed; failed and lost wait for a person; given_up: retention took the offsets."""

HOUR_FORMAT = "%Y-%m-%d-%H:00"
"""Partition key of the hour (UTC) in which a batch was planned."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How large and how many batches may be.

    Parameters
    ----------
    max_posts: records in one batch at most.
    split_posts: backlog above which the free partitions are split over several batches.
    in_flight: batches planned or running at once at most.
    lease_s: a running batch without a heartbeat for so many seconds is given to the next attempt.
    max_attempts: failed attempts before a batch waits for a person.
    target_s: a batch is no larger than what the newest one got done in so many seconds.
    """

    max_posts: int
    split_posts: int
    in_flight: int
    lease_s: float
    max_attempts: int
    target_s: float


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """What became of the records of a batch: read = accepted + rejected + duplicates.

    `seen_until` is, per stream partition, when intake saw the last record of the batch (UTC).
    """

    read: int
    accepted: int
    rejected: int
    duplicates: int
    seen_until: Mapping[int, datetime] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """One attempt of one micro-batch, as the ledger held it when it was read.

    Parameters
    ----------
    seq: sequence number; together with `ranges` the lasting identity of the batch.
    attempt: fencing token, 1 for the first; only the latest attempt may write.
    ranges: at most one range per stream partition.
    shards: every shard that a record of the ranges can have; nobody else writes to them while the batch is active.
    planned_at, planned_hour: when it was planned, and the partition key of that hour.
    requested_at: when a run was requested, or last seen waiting.
    lease_until: when the running attempt loses the batch unless its heartbeat goes on.
    worker: who runs it.
    counts: of the last commit.
    failures: attempts that ended badly so far.
    error: code of the last failure; holds no payload.
    """

    seq: int
    attempt: int
    kind: Kind
    state: State
    ranges: tuple[OffsetRange, ...]
    shards: tuple[int, ...]
    planned_at: datetime
    planned_hour: str
    requested_at: datetime | None = None
    lease_until: datetime | None = None
    worker: str | None = None
    committed_at: datetime | None = None
    counts: BatchCounts | None = None
    failures: int = 0
    error: str | None = None

    @property
    def id(self) -> str:
        """Name for people: `b000000042`."""
        return batch_id(self.seq)

    @property
    def run_key(self) -> str:
        """Names one attempt: a run with it is requested at most once."""
        return f"{self.id}-{self.attempt}"

    @property
    def partitions(self) -> tuple[int, ...]:
        """Stream partitions that the batch reads."""
        return tuple(each.partition for each in self.ranges)

    @property
    def offsets(self) -> int:
        """Number of offsets in the ranges; no fewer than the records."""
        return sum(len(each) for each in self.ranges)

    @property
    def slice(self) -> Slice:
        """The part of every lake table that the batch owns."""
        return Slice(self.seq, self.ranges, self.shards, again=self.attempt > 1 or self.kind == "replay")


def batch_id(seq: int) -> str:
    """The id of the batch with this sequence number: `b000000042`."""
    return f"b{seq:09d}"


def parse_batch_id(text: str) -> int:
    """Sequence number of a batch id (`b000000042`) or of a plain number. Raises InvalidRequest."""
    found = re.fullmatch(r"b?0*([1-9][0-9]{0,17})", text.strip())
    if not found:
        raise InvalidRequest("a batch is named by its id, such as b000000042, or by its number")
    return int(found.group(1))


def planned_hour(at: datetime) -> str:
    """Partition key of the hour of a UTC time."""
    return at.strftime(HOUR_FORMAT)
