"""Runs without a server: everything that waits is run, and what cannot be is named."""

from __future__ import annotations

import pytest

from alphaads_pipelines.errors import StoreUnavailable, WriteConflict
from alphaads_pipelines.ingest.batch_reader import BatchReader
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from tests.planning import POSTS, take_in


def test_the_summary_adds_up_what_was_committed(jobs: InProcess) -> None:
    jobs.wiring.settings = jobs.wiring.settings.model_copy(update={"batch_max_posts": 25})
    take_in(jobs.wiring, 60, broken=4)
    told: list[Batch] = []
    summary = run_until_idle(jobs.wiring, told.append)
    assert (summary.read, summary.accepted, summary.rejected, summary.duplicates) == (64, 60, 4, 0)
    assert summary.batches == [batch.id for batch in told] == ["b000000001", "b000000002", "b000000003"]
    assert summary.waiting == []
    assert summary.seconds > 0
    assert run_until_idle(jobs.wiring).read == 0


def test_a_conflict_is_tried_again_and_is_nobodys_fault(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    take_in(jobs.wiring)
    read, calls = BatchReader.read, 0

    def conflict_once(self: BatchReader, batch: Batch) -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise WriteConflict("another writer was first")
        return read(self, batch)

    monkeypatch.setattr(BatchReader, "read", conflict_once)
    summary = run_until_idle(jobs.wiring)
    assert (summary.read, summary.waiting) == (POSTS, [])
    assert jobs.wiring.ledger.get(1).attempt == 2


def test_a_batch_that_keeps_failing_waits_for_a_person(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.wiring.settings = jobs.wiring.settings.model_copy(update={"batch_max_attempts": 2})
    take_in(jobs.wiring)

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(BatchReader, "read", fail)
    summary = run_until_idle(jobs.wiring)
    assert (summary.batches, summary.waiting) == ([], ["b000000001"])
    batch = jobs.wiring.ledger.get(1)
    assert (batch.state, batch.failures, batch.error) == ("failed", 2, "RuntimeError")


def test_a_replay_or_an_advertising_run_that_fails_names_its_run(
    jobs: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)
    hour = jobs.wiring.ledger.get(1).planned_hour

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(BatchReader, "read", fail)
    with pytest.raises(StoreUnavailable, match=r"run [0-9a-f-]{36} says why"):
        jobs.replay_hours(hour, hour, None, {})
    monkeypatch.setattr("alphaads_pipelines.pipeline.ad_creatives.refresh_creatives", fail)
    with pytest.raises(StoreUnavailable, match=r"run [0-9a-f-]{36} says why"):
        jobs.advertising()
