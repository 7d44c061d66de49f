"""A ledger, and its clock, for tests that plan, claim and commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from alphaads_pipelines.ingest.batches import Batch, BatchCounts, BatchLimits
from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.stores.sql.relational import transaction

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LIMITS = BatchLimits(max_posts=100, split_posts=1000, in_flight=3, lease_s=30.0, max_attempts=3, target_s=15.0)
COUNTS = BatchCounts(10, 7, 2, 1)
TOPIC, PARTITIONS, SHARDS = "posts.raw", 4, 8


def ledger_on(engine: Engine, limits: BatchLimits = LIMITS, partitions: int = PARTITIONS) -> Ledger:
    """A ledger of the topic."""
    return Ledger(engine, topic=TOPIC, shards=SHARDS, partitions=partitions, limits=limits)


def at(seconds: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=seconds)


def never(_: Batch) -> bool:
    """No run waits in Dagster."""
    return False


def plan_one(ledger: Ledger, ends: Mapping[int, int], now: datetime = NOON) -> Batch:
    """Plan what must become one batch."""
    [batch] = ledger.plan(ends, now)
    return batch


def claimed(ledger: Ledger, batch: Batch, now: datetime = NOON) -> Batch:
    """The same batch, running."""
    return ledger.claim(batch.seq, batch.attempt, "worker", now)


def commit(engine: Engine, ledger: Ledger, batch: Batch, now: datetime = NOON, counts: BatchCounts = COUNTS) -> Batch:
    """Commit alone, without publishing; the batch as it is then."""
    with transaction(engine) as connection:
        ledger.commit(connection, batch, counts, now)
    return ledger.get(batch.seq)


def committed(engine: Engine, ledger: Ledger, ends: Mapping[int, int], now: datetime = NOON) -> Batch:
    """Plan, claim and commit one batch."""
    return commit(engine, ledger, claimed(ledger, plan_one(ledger, ends, now), now), now)
