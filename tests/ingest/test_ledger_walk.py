"""Random walks over the ledger: whatever happens in whatever order, every offset stays in exactly one batch."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.errors import Fenced
from alphaads_pipelines.ingest.batches import Batch
from tests.ingest.ledgers import LIMITS, PARTITIONS, at, commit, ledger_on

pytestmark = pytest.mark.integration
_CODES = ("ValueError", "store_unavailable", "interrupted", "schema_mismatch")


class Walk:
    """A stream that grows and is trimmed, workers that come, go and sleep, people that help; one step at a time."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine, self._rng = engine, random.Random(seed)
        self.ledger = ledger_on(engine, replace(LIMITS, max_posts=40, split_posts=60))
        self.ends, self._lows = dict.fromkeys(range(PARTITIONS), 0), dict.fromkeys(range(PARTITIONS), 0)
        self._seconds = 0.0
        self._running: list[Batch] = []
        self._asleep: list[Batch] = []
        self._attempts: Counter[int] = Counter()
        self._steps: list[Callable[[], None]] = [
            *[self._produce, self._plan, self._work, self._work, self._commit, self._commit],
            *[self._fail, self._freeze, self._freeze, self._wake_up, self._wake_up, self._wait],
            *[self._replay, self._trim, self._help],
        ]

    def step(self) -> None:
        self._rng.choice(self._steps)()
        self._check()

    def finish(self) -> None:
        """Finish every batch without delays or failures."""
        for _ in range(500):
            if not self.ledger.backlog(self.ends):
                return
            for act in (self._help, self._plan, self._wait, self._work, self._commit, self._check):
                act()
        raise AssertionError("the backlog never ends")

    @property
    def _now(self) -> datetime:
        return at(self._seconds)

    def _produce(self) -> None:
        for partition in self._rng.sample(range(PARTITIONS), 2):
            self.ends[partition] += self._rng.randrange(40)

    def _trim(self) -> None:
        partition = self._rng.randrange(PARTITIONS)
        self._lows[partition] = self._rng.randint(self._lows[partition], self.ends[partition])

    def _plan(self) -> None:
        self.ledger.plan(self.ends, self._now)

    def _work(self) -> None:
        """A worker claims what is due; one that finds its records gone says so."""
        for batch in self.ledger.due(self._now, lambda _: self._rng.random() < 0.2):
            self.ledger.mark_requested(batch, self._now)
            if self._rng.random() < 0.7:
                running = self.ledger.claim(batch.seq, batch.attempt, "w", self._now)
                gone = any(each.start < self._lows[each.partition] for each in running.ranges)
                if gone and running.kind == "live":
                    self.ledger.lose(running, self._now)
                else:
                    self._running.append(running)

    def _commit(self) -> None:
        while self._running:
            self._commit_or_be_fenced(self._running.pop())

    def _commit_or_be_fenced(self, batch: Batch) -> None:
        before = self.ledger.get(batch.seq)
        if (before.state, before.attempt) == ("running", batch.attempt):
            assert commit(self._engine, self.ledger, batch, self._now).state == "committed"
            return
        with pytest.raises(Fenced):
            commit(self._engine, self.ledger, batch, self._now)
        assert self.ledger.get(batch.seq) == before

    def _fail(self) -> None:
        if self._running:
            self.ledger.fail(self._running.pop(), self._rng.choice(_CODES), self._now)

    def _freeze(self) -> None:
        """A worker sleeps through its lease, and another one takes over."""
        if self._running:
            self._asleep.append(self._running.pop())
            self._seconds += 31.0
            self._work()

    def _wake_up(self) -> None:
        if self._asleep:
            self._commit_or_be_fenced(self._asleep.pop(0))

    def _wait(self) -> None:
        self._seconds += self._rng.choice((0.5, 5.0, 31.0, 62.0))

    def _replay(self) -> None:
        done = [batch.seq for batch in self.ledger.batches(state="committed")]
        if done:
            self.ledger.replay(self._rng.sample(done, min(3, len(done))), self._now)

    def _help(self) -> None:
        for batch in self.ledger.batches(state="lost"):
            self.ledger.resume_after_loss(batch.seq, self._lows, self._now)
        for batch in self.ledger.batches(state="failed"):
            self.ledger.retry(batch.seq, self._now)

    def _check(self) -> None:
        assert self.ledger.gaps() == self.ledger.overlaps() == []
        batches = self.ledger.batches(limit=10_000)
        holding = [batch for batch in batches if batch.state in ("planned", "running", "failed", "lost")]
        held = Counter(partition for batch in holding for partition in batch.partitions)
        assert all(count == 1 for count in held.values()), "a partition has one batch at a time"
        given_up = sum(batch.offsets for batch in batches if batch.state == "given_up")
        assert self.ledger.lost_offsets() == given_up
        done = sum(batch.offsets for batch in batches if batch.state == "committed" or batch.kind == "replay")
        assert self.ledger.backlog(self.ends) + done + given_up == sum(self.ends.values())
        for batch in batches:
            assert batch.attempt >= self._attempts[batch.seq], "attempts only grow"
            self._attempts[batch.seq] = batch.attempt


@pytest.mark.parametrize("seed", (0, 3, 5, 7))
def test_every_offset_stays_in_one_batch_and_ends_committed_or_given_up(engine: Engine, seed: int) -> None:
    walk = Walk(engine, seed)
    for _ in range(120):
        walk.step()
    walk.finish()
    batches = walk.ledger.batches(limit=10_000)
    assert {batch.state for batch in batches} <= {"committed", "given_up", "planned", "running", "failed"}
    assert all(batch.kind == "replay" for batch in batches if batch.state in ("planned", "running", "failed"))
    ranges = sorted((each.partition, each.start, each.end) for batch in batches for each in batch.ranges)
    for partition, end in walk.ends.items():
        held = [offset for where, start, stop in ranges if where == partition for offset in range(start, stop)]
        assert held == list(range(end))
