"""Planners, workers and people that act at once: exactly one of them wins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.errors import AlphaAdsError, Fenced, InvalidRequest
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.ledger import Ledger
from tests.concurrency import at_once
from tests.ingest.ledgers import NOON, PARTITIONS, at, claimed, commit, committed, ledger_on, never, plan_one

pytestmark = pytest.mark.integration


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    return ledger_on(engine)


def _outcome(act: Callable[[], object]) -> object:
    try:
        return act() or "done"
    except AlphaAdsError as error:
        return type(error)


def test_racing_planners_of_an_empty_ledger_plan_every_offset_once(engine: Engine) -> None:
    ends = dict.fromkeys(range(PARTITIONS), 25)
    planned = at_once(*[partial(ledger_on(engine).plan, ends, NOON) for _ in range(6)])
    ranges = [each for batches in planned for batch in batches for each in batch.ranges]
    assert sorted((each.partition, each.start, each.end) for each in ranges) == [(p, 0, 25) for p in range(PARTITIONS)]


def test_planners_that_see_a_growing_stream_never_plan_an_offset_twice(engine: Engine) -> None:
    def plan_and_commit(number: int) -> int:
        own, offsets = ledger_on(engine), 0
        for turn in range(12):
            for batch in own.plan(dict.fromkeys(range(PARTITIONS), 10 * (turn + number % 2)), NOON):
                offsets += batch.offsets
                commit(engine, own, claimed(own, batch))
        return offsets

    offsets = at_once(*[partial(plan_and_commit, number) for number in range(4)])
    ledger = ledger_on(engine)
    assert ledger.gaps() == ledger.overlaps() == []
    assert sum(offsets) == sum(batch.offsets for batch in ledger.batches(limit=1_000))
    assert ledger.backlog(dict.fromkeys(range(PARTITIONS), 120)) == 120 * PARTITIONS - sum(offsets)


def test_one_of_many_claims_wins(ledger: Ledger) -> None:
    batch = plan_one(ledger, {0: 10})
    claims = [partial(ledger.claim, batch.seq, 1, f"worker-{number}", NOON) for number in range(6)]
    outcomes = at_once(*[partial(_outcome, claim) for claim in claims])
    [won] = [each for each in outcomes if isinstance(each, Batch)]
    assert outcomes.count(Fenced) == 5
    assert ledger.get(batch.seq) == won


def test_an_expired_lease_makes_one_next_attempt(ledger: Ledger) -> None:
    claimed(ledger, plan_one(ledger, {0: 10}))
    found = at_once(*[partial(ledger.due, at(31), never) for _ in range(6)])
    assert {each.attempt for due in found for each in due} == {2}
    assert [(batch.attempt, batch.failures) for batch in ledger.batches()] == [(2, 1)]


@pytest.mark.parametrize("turn", range(5))
def test_a_commit_races_the_end_of_its_lease_and_one_of_them_wins(engine: Engine, ledger: Ledger, turn: int) -> None:
    running = claimed(ledger, plan_one(ledger, {0: 10}))
    committing = partial(_outcome, partial(commit, engine, ledger, running))
    outcome, due = at_once(committing, partial(ledger.due, at(31), never))
    held = ledger.get(running.seq)
    if outcome is Fenced:
        assert (held.state, held.attempt, held.counts) == ("planned", 2, None)
        assert due == [held]
    else:
        assert (held.state, held.attempt) == ("committed", 1)
        assert due == []


def test_replays_that_are_asked_for_at_once_are_planned_once(engine: Engine, ledger: Ledger) -> None:
    seqs = [committed(engine, ledger, {0: end}).seq for end in (10, 20)]
    planned = at_once(*[partial(ledger.replay, order, at(1)) for order in (seqs, seqs[::-1]) * 3])
    assert len([batch for batches in planned for batch in batches]) == 1
    assert sorted(batch.state for batch in ledger.batches()) == ["committed", "planned"]


def test_replays_and_plans_at_once_never_hold_one_partition_together(engine: Engine, ledger: Ledger) -> None:
    done = committed(engine, ledger, {0: 10, 1: 10})
    ends = {0: 20, 1: 20}
    at_once(partial(ledger.replay, [done.seq], at(1)), partial(ledger.plan, ends, at(1)))
    held = [each for batch in ledger.batches(state="planned") for each in batch.partitions]
    assert sorted(held) == [0, 1]


def test_one_of_two_people_resumes_after_a_loss(ledger: Ledger) -> None:
    batch = claimed(ledger, plan_one(ledger, {0: 10}))
    ledger.lose(batch, at(1))
    resume = partial(_outcome, partial(ledger.resume_after_loss, batch.seq, {0: 4}, at(2)))
    outcomes = at_once(resume, resume, resume)
    assert len([each for each in outcomes if isinstance(each, Batch)]) == 1
    assert set(outcomes) - {each for each in outcomes if isinstance(each, Batch)} <= {Fenced, InvalidRequest}
    assert ledger.lost_offsets() == 4
    assert ledger.gaps() == ledger.overlaps() == []
