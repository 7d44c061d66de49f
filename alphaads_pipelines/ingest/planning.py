"""Planning rules: dividing offsets into batches, expiring attempts.

Belongs here: pure functions. Does not: rows, transactions, clocks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.ingest.batches import Batch, BatchLimits
from alphaads_pipelines.streams.base import OffsetRange

LEAST_POSTS = 100
"""Fixed costs dominate below this size."""

_OUTAGES = frozenset({TransientError.code, *(kind.code for kind in TransientError.__subclasses__()), "interrupted"})


def plan_batches(
    topic: str, free_positions: Mapping[int, int], ends: Mapping[int, int], limits: BatchLimits, active: int = 0
) -> list[tuple[OffsetRange, ...]]:
    """Divide the backlog into new batches, at most one range per partition in all.

    A small backlog becomes one batch over every free partition: a run costs the same for ten posts as for a thousand.
    Above `limits.split_posts`, or one batch's capacity, partitions are dealt, largest backlog first, to as many batches
    as may still start. `limits.max_posts` is shared so that no partition starves.

    Parameters
    ----------
    free_positions: next offset of each partition without an active, failed or lost batch.
    ends: end offsets; absent, or below the position: empty.
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
    """Share `most` records between partitions: small backlogs whole, the rest equally."""
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
    """Maximum records per batch, by the pace of the newest committed one.

    Bounds a batch's duration whatever the model; older batches may have used another.
    """
    if newest is None or newest.requested_at is None or newest.committed_at is None:
        return limits.max_posts
    seconds = (newest.committed_at - newest.requested_at).total_seconds()
    if seconds <= 0:  # clock skew between hosts
        return limits.max_posts
    return min(limits.max_posts, max(LEAST_POSTS, int(newest.offsets / seconds * limits.target_s)))


def shards_of(partitions: tuple[int, ...], *, shards: int, of_partitions: int) -> tuple[int, ...]:
    """Shards of `partitions`: intake places them by shard mod number of partitions."""
    return tuple(shard for shard in range(shards) if shard % of_partitions in partitions)


class Step(Enum):
    """The next action for an active batch."""

    WAIT = "wait"
    REQUEST = "request"
    REQUEST_UNLESS_PENDING = "request_unless_pending"
    NEXT_ATTEMPT = "next_attempt"


def next_step(batch: Batch, retry_at: datetime | None, now: datetime, limits: BatchLimits) -> Step:
    """Decide the next action for a planned or running batch.

    An unclaimed run is dead or queued in Dagster; only after a lease's time is Dagster queried.
    """
    if batch.state == "running":
        expired = batch.lease_until is None or batch.lease_until <= now
        return Step.NEXT_ATTEMPT if expired else Step.WAIT
    if batch.requested_at is None:
        return Step.REQUEST if retry_at is None or retry_at <= now else Step.WAIT
    silent = now - batch.requested_at >= timedelta(seconds=limits.lease_s)
    return Step.REQUEST_UNLESS_PENDING if silent else Step.WAIT


def is_outage(error_code: str) -> bool:
    """Whether an error is not the batch's fault: outage or stopped worker."""
    return error_code in _OUTAGES


def backoff(attempt: int, limits: BatchLimits) -> timedelta:
    """Delay after failed attempt `attempt`: 1, 2, 4 ... s, at most one lease."""
    return timedelta(seconds=min(limits.lease_s, 2.0 ** min(attempt - 1, 16)))


def is_turn_of_replay(last_kind: str, next_offset: int, end_offset: int) -> bool:
    """Whether a replay may take a free partition; live records get every second turn."""
    return last_kind != "replay" or end_offset <= next_offset


def is_turn_of_live(last_kind: str, held: bool) -> bool:
    """Whether live planning may take a free partition; replays get every second turn."""
    return not held or last_kind == "replay"


PendingCheck = Callable[[Batch], bool]
"""Whether the attempt's run is pending in Dagster (queued, not started or starting)."""
