"""Planning as arithmetic: which offsets become which batches, and when an attempt is over.

Belongs here: pure functions, so that every rule can be tested without a database. Does not: rows, transactions, clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.ingest.batches import Batch, BatchLimits
from alphaads_pipelines.streams.base import OffsetRange

LEAST_POSTS = 100
"""A batch has a cost of its own: smaller ones would be slower, not shorter."""

_OUTAGES = frozenset({TransientError.code, *(kind.code for kind in TransientError.__subclasses__()), "interrupted"})


def plan_batches(
    topic: str, free_positions: Mapping[int, int], ends: Mapping[int, int], limits: BatchLimits, active: int = 0
) -> list[tuple[OffsetRange, ...]]:
    """The ranges of each new batch, at most one range per partition over all of them.

    While the backlog is small, one batch takes every free partition: one run costs the same for ten posts as for a
    thousand. Above `limits.split_posts`, or what fits into one batch, the partitions are dealt, largest backlog first,
    to as many batches as may still start. A batch takes at most `limits.max_posts` records, shared so that no partition
    starves.

    Parameters
    ----------
    free_positions: next offset of each partition that no active, failed or lost batch holds.
    ends: end offset of each partition; a partition that is absent, or ends below its position, has nothing to give.
    active: batches planned or running already.
    """
    waiting = {
        partition: ends[partition] - start
        for partition, start in sorted(free_positions.items())
        if ends.get(partition, 0) > start
    }
    slots = limits.in_flight - active
    if slots <= 0 or not waiting:
        return []
    split = sum(waiting.values()) > min(limits.split_posts, limits.max_posts)
    groups = _deal(waiting, min(slots, len(waiting)) if split else 1)
    return [
        tuple(
            OffsetRange(topic, partition, free_positions[partition], free_positions[partition] + posts)
            for partition, posts in share_out({each: waiting[each] for each in group}, limits.max_posts).items()
            if posts
        )
        for group in groups
    ]


def share_out(waiting: Mapping[int, int], most: int) -> dict[int, int]:
    """How many records each partition gives, `most` in all: small backlogs whole, the rest in equal parts."""
    shares: dict[int, int] = {}
    left = most
    smallest_first = sorted(waiting, key=lambda partition: (waiting[partition], partition))
    for place, partition in enumerate(smallest_first):
        fair = -(-left // (len(smallest_first) - place))
        shares[partition] = min(waiting[partition], fair)
        left -= shares[partition]
    return dict(sorted(shares.items()))


def _deal(waiting: Mapping[int, int], groups: int) -> list[list[int]]:
    dealt: list[list[int]] = [[] for _ in range(groups)]
    loads = [0] * groups
    for partition in sorted(waiting, key=lambda each: (-waiting[each], each)):
        lightest = loads.index(min(loads))
        dealt[lightest].append(partition)
        loads[lightest] += waiting[partition]
    return [sorted(group) for group in dealt]


def affordable_posts(newest: Batch | None, limits: BatchLimits) -> int:
    """How many records a batch may have, by the pace of the newest one that was committed.

    Whatever the model takes for a text, a batch is over while those who wait for its worker, its partitions or its
    posts still have patience. The newest alone: after a change of the model, older ones say nothing.
    """
    if newest is None or newest.requested_at is None or newest.committed_at is None:
        return limits.max_posts
    seconds = (newest.committed_at - newest.requested_at).total_seconds()
    if seconds <= 0:  # two hosts, two clocks
        return limits.max_posts
    return min(limits.max_posts, max(LEAST_POSTS, int(newest.offsets / seconds * limits.target_s)))


def shards_of(partitions: tuple[int, ...], *, shards: int, of_partitions: int) -> tuple[int, ...]:
    """Every shard whose records lie in one of `partitions`: shard mod number of partitions, as intake places them."""
    return tuple(shard for shard in range(shards) if shard % of_partitions in partitions)


class Step(Enum):
    """What has to happen to an active batch now."""

    WAIT = "wait"
    REQUEST = "request"
    REQUEST_UNLESS_PENDING = "request_unless_pending"
    NEXT_ATTEMPT = "next_attempt"


def next_step(batch: Batch, retry_at: datetime | None, now: datetime, limits: BatchLimits) -> Step:
    """What has to happen now to a batch that is planned or running.

    A run that was requested but never claimed its batch has died, or still waits in Dagster's queue; which of the two
    is asked for only after a lease's time.
    """
    if batch.state == "running":
        expired = batch.lease_until is None or batch.lease_until <= now
        return Step.NEXT_ATTEMPT if expired else Step.WAIT
    if batch.requested_at is None:
        return Step.REQUEST if retry_at is None or retry_at <= now else Step.WAIT
    silent = now - batch.requested_at >= timedelta(seconds=limits.lease_s)
    return Step.REQUEST_UNLESS_PENDING if silent else Step.WAIT


def is_outage(error_code: str) -> bool:
    """Whether an error says nothing against the batch: a store or broker was away, or the worker was told to stop."""
    return error_code in _OUTAGES


def backoff(attempt: int, limits: BatchLimits) -> timedelta:
    """How long after failed attempt `attempt` the next one is requested: 1, 2, 4 ... s, one lease at most."""
    return timedelta(seconds=min(limits.lease_s, 2.0 ** min(attempt - 1, 16)))


def is_turn_of_replay(last_kind: str, next_offset: int, end_offset: int) -> bool:
    """Whether a replay may take a free partition: live records that wait there come first every second time."""
    return last_kind != "replay" or end_offset <= next_offset


def is_turn_of_live(last_kind: str, held: bool) -> bool:
    """Whether live planning may take a free partition: a replay that waits there comes first every second time."""
    return not held or last_kind == "replay"


PendingCheck = Callable[[Batch], bool]
"""Whether the run requested for this attempt still waits in Dagster (queued, not started or starting)."""
