"""A micro-batch: offsets, shards, attempt and outcome.

Belongs here: values. Does not: planning (planning.py), state transitions (ledger.py).
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
"""planned -> running -> committed; failed and lost wait for an operator; given_up: retention removed the offsets."""

HOUR_FORMAT = "%Y-%m-%d-%H:00"
"""Partition key of a batch's planning hour (UTC)."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Limits on the size and number of batches.

    Parameters
    ----------
    max_posts: records per batch.
    split_posts: backlog above which free partitions are split over several batches.
    in_flight: batches planned or running at once.
    lease_s: seconds without a heartbeat until the next attempt.
    max_attempts: failed attempts before a batch waits for an operator.
    target_s: seconds that a batch may take, by the pace of the newest.
    """

    max_posts: int
    split_posts: int
    in_flight: int
    lease_s: float
    max_attempts: int
    target_s: float


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Counts of records: read = accepted + rejected + duplicates.

    `seen_until`: stream partition -> when intake saw its last record of the batch (UTC).
    """

    read: int
    accepted: int
    rejected: int
    duplicates: int
    seen_until: Mapping[int, datetime] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Batch:
    """A snapshot of one attempt at one micro-batch.

    Parameters
    ----------
    seq: with `ranges` the permanent identity of the batch.
    attempt: fencing token from 1; only the latest may write.
    ranges: at most one per stream partition.
    shards: all possible shards of its records; exclusive while the batch is active.
    planned_hour: partition key of the hour of `planned_at`.
    requested_at: when a run was requested, or last seen pending.
    lease_until: end of the running attempt's lease.
    counts: of the last commit.
    failures: failed attempts.
    error: code of the last failure; never payload.
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
        """Display name: `b000000042`."""
        return batch_id(self.seq)

    @property
    def run_key(self) -> str:
        """Key of an attempt's run, requested at most once."""
        return f"{self.id}-{self.attempt}"

    @property
    def partitions(self) -> tuple[int, ...]:
        """Stream partitions read."""
        return tuple(each.partition for each in self.ranges)

    @property
    def offsets(self) -> int:
        """Number of offsets, at least the number of records."""
        return sum(len(each) for each in self.ranges)

    @property
    def slice(self) -> Slice:
        """The part of every lake table that the batch owns."""
        return Slice(self.seq, self.ranges, self.shards, again=self.attempt > 1 or self.kind == "replay")


def batch_id(seq: int) -> str:
    """Format a batch id: `b000000042`."""
    return f"b{seq:09d}"


def parse_batch_id(text: str) -> int:
    """Parse a batch id or a bare number. Raises InvalidRequest."""
    found = re.fullmatch(r"b?0*([1-9][0-9]{0,17})", text.strip())
    if not found:
        raise InvalidRequest("a batch is named by its id, such as b000000042, or by its number")
    return int(found.group(1))


def planned_hour(at: datetime) -> str:
    """Partition key of the hour of a UTC time."""
    return at.strftime(HOUR_FORMAT)
