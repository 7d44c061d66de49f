"""Run jobs in this process, without servers: for `demo`, benchmarks, replays and backfills."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from dagster import AssetKey, Definitions, ExecuteInProcessResult
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.pipeline.requests import next_requests
from alphaads_pipelines.telemetry import new_correlation_id
from alphaads_pipelines.wiring.app import Wiring
from resources import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dagster import DagsterInstance

    from alphaads_pipelines.ingest.batches import Batch

_POLL_S = 0.05


@dataclass
class Summary:
    """Outcome of the batches that ran.

    Attributes
    ----------
    batches: ids of committed batches.
    read, accepted, rejected, duplicates: records; read is the sum of the others.
    waiting: ids of failed or lost batches, which need manual action.
    """

    batches: list[str] = field(default_factory=list)
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    waiting: list[str] = field(default_factory=list)

    def add(self, batch: Batch) -> None:
        """Count a committed batch."""
        assert batch.counts is not None
        self.batches.append(batch.id)
        self.read += batch.counts.read
        self.accepted += batch.counts.accepted
        self.rejected += batch.counts.rejected
        self.duplicates += batch.counts.duplicates


class InProcess:
    """Runs the jobs of an installation against its Dagster instance."""

    def __init__(self, wiring: Wiring, instance: DagsterInstance) -> None:
        self.wiring, self.instance = wiring, instance

    @cached_property
    def definitions(self) -> Definitions:
        """The servers' definitions, with this process's wiring."""
        from alphaads_pipelines.definitions import build_defs

        return build_defs(wiring=self.wiring)

    def batch(self, batch: Batch) -> Batch:
        """Run one attempt; the batch as the ledger has it afterwards."""
        self._execute(
            names.MICRO_BATCH,
            run_config=names.batch_config(batch),
            partition_key=batch.planned_hour,
            tags=dict(names.batch_tags(batch, new_correlation_id())),
        )
        return self.wiring.ledger.get(batch.seq)

    def replay_hours(self, first: str, last: str, assets: Sequence[str] | None, tags: Mapping[str, str]) -> None:
        """Replay the committed batches of these hours in one run. Raises StoreUnavailable."""
        hours = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
        selection = [AssetKey(name) for name in assets] if assets else None
        result = self._execute(names.MICRO_BATCH, tags={**tags, **hours}, asset_selection=selection)
        if not result.success:
            raise StoreUnavailable(f"the replay of {first} to {last} failed; run {result.run_id} says why")

    def advertising(self) -> None:
        """Write creatives and update the policies now. Raises StoreUnavailable."""
        result = self._execute(names.ADVERTISING)
        if not result.success:
            raise StoreUnavailable(f"creatives or policy could not be written; run {result.run_id} says why")

    def _execute(self, job: str, **arguments: object) -> ExecuteInProcessResult:
        definition = self.definitions.get_repository_def().get_job(job)
        return definition.execute_in_process(
            instance=self.instance,
            raise_on_error=False,
            **arguments,  # type: ignore[arg-type]
        )


@contextmanager
def in_process(wiring: Wiring) -> Iterator[InProcess]:
    """The jobs of an installation, with a prepared Dagster home."""
    from resources.instance import open_instance, prepare_home

    _ = wiring.engine  # migrates the database first
    prepare_home(wiring.settings)
    with open_instance(wiring.settings) as instance:
        yield InProcess(wiring, instance)


def run_until_idle(wiring: Wiring, on_batch: Callable[[Batch], None] | None = None) -> Summary:
    """Run micro-batches until none is planned or running; `on_batch` receives each committed one."""
    summary, started = Summary(), time.monotonic()
    with in_process(wiring) as jobs:
        for batch in _due(wiring):
            after = jobs.batch(batch)
            if after.state == "committed" and after.attempt == batch.attempt:
                summary.add(after)
                if on_batch is not None:
                    on_batch(after)
    summary.waiting = [each.id for each in wiring.ledger.stuck()]
    summary.seconds = time.monotonic() - started
    return summary


def _due(wiring: Wiring) -> Iterator[Batch]:
    """Yield due attempts until no batch is planned or running."""
    ledger, topic = wiring.ledger, wiring.topics.posts
    while True:
        due = next_requests(wiring.stream, ledger, topic, wait_s=0, is_pending=lambda _: False)
        yield from due
        if not due:
            if not any(ledger.batches(state=state, limit=1) for state in ("planned", "running")):
                return
            time.sleep(_POLL_S)
