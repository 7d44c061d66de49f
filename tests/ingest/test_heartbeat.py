"""The heartbeat: keeps the lease while the work runs, and tells the worker when the batch is no longer its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.errors import Fenced, StoreUnavailable
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.heartbeat import Heartbeat
from alphaads_pipelines.ingest.ledger import Ledger
from tests.ingest.ledgers import LIMITS, PARTITIONS, SHARDS, TOPIC, at, claimed, ledger_on, never, plan_one

pytestmark = pytest.mark.integration


@pytest.fixture
def ledger(engine: Engine) -> Ledger:
    """A ledger whose heartbeats come quickly."""
    return ledger_on(engine, replace(LIMITS, lease_s=0.2))


def _wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _lease(ledger: Ledger, batch: Batch) -> object:
    return ledger.get(batch.seq).lease_until


def test_the_lease_moves_while_the_block_runs_and_no_longer(ledger: Ledger) -> None:
    batch = claimed(ledger, plan_one(ledger, {0: 10}))
    with Heartbeat(ledger, batch, clock=lambda: at(100)) as heartbeat:
        _wait_for(lambda: _lease(ledger, batch) == at(100.2))
        heartbeat.check()
    assert ledger.due(at(100.1), never) == []
    [again] = ledger.due(at(100.3), never)
    assert again.attempt == 2


def test_a_worker_whose_batch_was_given_on_is_told(ledger: Ledger) -> None:
    batch = claimed(ledger, plan_one(ledger, {0: 10}))
    with Heartbeat(ledger, batch, clock=lambda: at(0)) as heartbeat:
        ledger.due(at(1), never)
        with pytest.raises(Fenced):
            heartbeat.check()
        _wait_for(lambda: not heartbeat._thread.is_alive())
        with pytest.raises(Fenced):
            heartbeat.check()
    assert ledger.get(batch.seq).lease_until is None, "an old heartbeat gives nothing back its life"


def test_a_process_that_never_beat_is_told_by_the_ledger(engine: Engine) -> None:
    ledger = ledger_on(engine)
    batch = claimed(ledger, plan_one(ledger, {0: 10}))
    with Heartbeat(ledger, batch) as heartbeat:
        ledger.due(at(31), never)
        with pytest.raises(Fenced):
            heartbeat.check()


class StoreAwayAtFirst(Ledger):
    """A ledger whose store does not answer the first two heartbeats."""

    beats = 0

    def renew(self, batch: Batch, now: datetime) -> None:
        self.beats += 1
        if self.beats <= 2:
            raise StoreUnavailable("planted")
        super().renew(batch, now)


def test_a_store_that_is_away_for_a_moment_does_not_end_the_heartbeat(engine: Engine) -> None:
    limits = replace(LIMITS, lease_s=0.2)
    ledger = StoreAwayAtFirst(engine, topic=TOPIC, shards=SHARDS, partitions=PARTITIONS, limits=limits)
    batch = claimed(ledger, plan_one(ledger, {0: 10}))
    with Heartbeat(ledger, batch, clock=lambda: at(100)) as heartbeat:
        _wait_for(lambda: _lease(ledger, batch) == at(100.2))
        heartbeat.check()
    assert ledger.beats > 2
