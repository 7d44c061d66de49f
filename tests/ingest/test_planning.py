"""Planning as arithmetic: what becomes a batch, and when an attempt is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphaads_pipelines.errors import TransientError
from alphaads_pipelines.ingest.batches import Batch, BatchLimits, parse_batch_id, planned_hour
from alphaads_pipelines.ingest.planning import (
    LEAST_POSTS,
    Step,
    affordable_posts,
    backoff,
    is_outage,
    is_turn_of_live,
    is_turn_of_replay,
    next_step,
    plan_batches,
    shards_of,
    share_out,
)
from alphaads_pipelines.streams.base import OffsetRange

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMITS = BatchLimits(max_posts=100, split_posts=200, in_flight=3, lease_s=30.0, max_attempts=3, target_s=15.0)
BATCH = Batch(7, 2, "live", "planned", (), (), NOON, planned_hour(NOON))

backlogs = st.dictionaries(st.integers(0, 11), st.integers(0, 500), max_size=12)
limits = st.builds(
    BatchLimits,
    max_posts=st.integers(1, 300),
    split_posts=st.integers(0, 1000),
    in_flight=st.integers(1, 5),
    lease_s=st.just(30.0),
    max_attempts=st.just(3),
    target_s=st.just(15.0),
)


@settings(max_examples=200, deadline=None)
@given(backlogs, backlogs, limits, st.integers(0, 5))
def test_a_plan_takes_each_partition_once_from_its_position_on(
    free: dict[int, int], waiting: dict[int, int], limits: BatchLimits, active: int
) -> None:
    ends = {partition: free.get(partition, 0) + posts for partition, posts in waiting.items()}
    groups = plan_batches("t", free, ends, limits, active)
    ranges = [each for group in groups for each in group]
    assert len({each.partition for each in ranges}) == len(ranges)
    for each in ranges:
        assert each.start == free[each.partition]
        assert each.start < each.end <= ends[each.partition]
    assert all(0 < sum(len(each) for each in group) <= limits.max_posts for group in groups)
    assert len(groups) <= max(0, limits.in_flight - active)
    gives = {partition for partition in free if waiting.get(partition)}
    if gives and active < limits.in_flight:
        assert groups, "whoever may plan and has what to plan does"
        if sum(waiting[partition] for partition in gives) <= min(limits.split_posts, limits.max_posts):
            assert len(groups) == 1
        else:
            assert len(groups) == min(limits.in_flight - active, len(gives))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.integers(0, 11), st.integers(1, 500), min_size=1), limits)
def test_planned_again_and_again_every_offset_is_in_exactly_one_batch(
    ends: dict[int, int], limits: BatchLimits
) -> None:
    positions = dict.fromkeys(ends, 0)
    held: dict[int, list[int]] = {partition: [] for partition in ends}
    for _ in range(sum(ends.values())):
        groups = plan_batches("t", positions, ends, limits)
        if not groups:
            break
        for each in (each for group in groups for each in group):
            held[each.partition].extend(range(each.start, each.end))
            positions[each.partition] = each.end
    assert held == {partition: list(range(end)) for partition, end in ends.items()}


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.integers(0, 11), st.integers(1, 500), min_size=1), st.integers(1, 1000))
def test_shares_use_the_room_there_is_and_starve_nobody(waiting: dict[int, int], most: int) -> None:
    shares = share_out(waiting, most)
    assert sum(shares.values()) == min(most, sum(waiting.values()))
    assert all(0 <= shares[partition] <= waiting[partition] for partition in waiting)
    fair = most // len(waiting)
    assert all(shares[partition] >= min(waiting[partition], fair) for partition in waiting)


def test_a_large_backlog_is_dealt_evenly() -> None:
    ends = {0: 400, 1: 300, 2: 200, 3: 100, 4: 50, 5: 50}
    groups = plan_batches("t", dict.fromkeys(ends, 0), ends, replace(LIMITS, max_posts=10_000))
    assert [sum(len(each) for each in group) for group in groups] == [400, 350, 350]


def _took(posts: int, seconds: float) -> Batch:
    """A committed batch of so many posts."""
    ranges = (OffsetRange("t", 0, 0, posts - posts // 2), OffsetRange("t", 1, 0, posts // 2))
    return replace(BATCH, ranges=ranges, requested_at=NOON, committed_at=NOON + timedelta(seconds=seconds))


LARGE = replace(LIMITS, max_posts=20_000)


@pytest.mark.parametrize(
    ("posts", "seconds", "affordable"),
    [
        (20_000, 20.0, 15_000),
        (20_000, 2.5, 20_000),
        (20_000, 200.0, 1_500),
        (20_000, 20_000.0, LEAST_POSTS),
        (30, 0.4, 1_125),
        (1, 10.0, LEAST_POSTS),
    ],
)
def test_a_batch_is_no_larger_than_the_pace_of_the_one_before_affords(
    posts: int, seconds: float, affordable: int
) -> None:
    assert affordable_posts(_took(posts, seconds), LARGE) == affordable


def test_what_does_not_fit_into_one_batch_leaves_no_worker_idle() -> None:
    slow = replace(LARGE, split_posts=4_000, max_posts=1_500, in_flight=2)
    groups = plan_batches("t", dict.fromkeys(range(4), 0), dict.fromkeys(range(4), 500), slow)
    assert [sum(len(each) for each in group) for group in groups] == [1_000, 1_000]


def test_without_a_pace_the_limit_alone_counts() -> None:
    assert affordable_posts(None, LARGE) == LARGE.max_posts
    assert affordable_posts(replace(_took(10, 99.0), requested_at=None), LARGE) == LARGE.max_posts
    assert affordable_posts(_took(10, -0.2), LARGE) == LARGE.max_posts, "two hosts' clocks differ"


@pytest.mark.parametrize("each_s", [0.0001, 0.001, 0.01])
def test_sizes_settle_where_a_batch_takes_what_it_should(each_s: float) -> None:
    fixed_s, posts = 0.5, 30
    for _ in range(12):
        posts = affordable_posts(_took(posts, fixed_s + posts * each_s), LARGE)
    takes = fixed_s + posts * each_s
    assert posts == LARGE.max_posts or takes == pytest.approx(LARGE.target_s, rel=0.02)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 64), st.integers(1, 64), st.data())
def test_shards_belong_to_exactly_one_partition(shards: int, partitions: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, partitions))
    halves = (tuple(range(cut)), tuple(range(cut, partitions)))
    first, second = (shards_of(half, shards=shards, of_partitions=partitions) for half in halves)
    assert sorted(first + second) == list(range(shards))
    assert all(shard % partitions < cut for shard in first)


def _step(retry_at: datetime | None = None, **changes: object) -> Step:
    return next_step(replace(BATCH, **changes), retry_at, NOON, LIMITS)  # type: ignore[arg-type]


def test_a_planned_batch_is_requested_once_its_pause_is_over() -> None:
    assert _step() is Step.REQUEST
    assert _step(NOON) is Step.REQUEST
    assert _step(NOON + timedelta(seconds=1)) is Step.WAIT


def test_a_requested_batch_is_asked_for_after_a_lease_of_silence() -> None:
    assert _step(requested_at=NOON - timedelta(seconds=29.9)) is Step.WAIT
    assert _step(requested_at=NOON - timedelta(seconds=30)) is Step.REQUEST_UNLESS_PENDING


def test_a_running_batch_is_given_on_when_its_lease_ends() -> None:
    assert _step(state="running", lease_until=NOON + timedelta(seconds=0.1)) is Step.WAIT
    assert _step(state="running", lease_until=NOON) is Step.NEXT_ATTEMPT
    assert _step(state="running", lease_until=None) is Step.NEXT_ATTEMPT


def test_every_transient_error_is_an_outage_and_nothing_else_is() -> None:
    kinds = [each for each in TransientError.__subclasses__() if each.__module__ == TransientError.__module__]
    assert all(is_outage(kind.code) for kind in (TransientError, *kinds))
    assert is_outage("interrupted")
    assert not any(map(is_outage, ("run_failed", "lease_expired", "schema_mismatch", "ValueError", "offsets_lost")))


def test_pauses_double_up_to_a_lease() -> None:
    pauses = [backoff(attempt, LIMITS).total_seconds() for attempt in (1, 2, 3, 4, 5, 6, 7, 10_000)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


@pytest.mark.parametrize("live_waits", [True, False])
@pytest.mark.parametrize("replay_waits", [True, False])
def test_live_and_replay_take_turns_where_both_wait_and_never_block_each_other(
    live_waits: bool, replay_waits: bool
) -> None:
    kind, turns = "live", []
    for _ in range(6):
        if replay_waits and is_turn_of_replay(kind, 10, 20 if live_waits else 10):
            kind = "replay"
        elif live_waits and is_turn_of_live(kind, replay_waits):
            kind = "live"
        else:
            break
        turns.append(kind)
    if live_waits and replay_waits:
        assert turns == ["replay", "live"] * 3
    else:
        assert turns == ["live"] * 6 * live_waits + ["replay"] * 6 * replay_waits


def test_batch_ids_are_read_back() -> None:
    assert BATCH.id == "b000000007"
    assert BATCH.run_key == "b000000007-2"
    assert [parse_batch_id(text) for text in ("b000000007", "7", " b7 ")] == [7, 7, 7]
