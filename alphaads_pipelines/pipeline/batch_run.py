"""The batches of one orchestrated run: one requested batch, or a replay of some hours' committed batches.

A requested batch is claimed at the first step and failed if a step raises.

A replay takes its batches in turn, each under its own claim from the first selected step to publishing: a busy hour
fits in memory, live batches run in between, and no table lags behind. The first selected step does the work; later
steps report theirs.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from alphaads_pipelines.errors import (
    AlphaAdsError,
    Fenced,
    InvalidRequest,
    OffsetsLost,
    PermanentError,
    WriteConflict,
)
from alphaads_pipelines.pipeline.batch_ports import BatchPorts
from alphaads_pipelines.pipeline.reports import StepReport, combined
from alphaads_pipelines.pipeline.stages import STAGES, Stage

if TYPE_CHECKING:
    from alphaads_pipelines.ingest.heartbeat import Heartbeat
    from alphaads_pipelines.pipeline.microbatch import MicroBatch
    from alphaads_pipelines.ports import Ports

_PATIENCE_S = 600.0
_POLL_S = 0.1
_ALL = 1_000_000


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Requested:
    """The attempt that a run was requested for."""

    seq: int
    attempt: int


class Claim:
    """A claimed attempt with its heartbeat; ends in a commit or a failure."""

    def __init__(
        self, ports: BatchPorts, requested: Requested, worker: str, replayed_later: frozenset[int] = frozenset()
    ) -> None:
        from alphaads_pipelines.ingest.heartbeat import Heartbeat
        from alphaads_pipelines.pipeline.microbatch import MicroBatch

        self._ports = ports
        batch = ports.ledger.claim(requested.seq, requested.attempt, worker, _now())
        self._heartbeat: Heartbeat = Heartbeat(ports.ledger, batch)
        self._heartbeat.__enter__()
        self._micro: MicroBatch = MicroBatch(ports, batch, self._heartbeat.check, replayed_later)
        self._is_over = False

    def run(self, stage: Stage) -> StepReport:
        """Run one step; on any error, fail the attempt first."""
        try:
            report = self._micro.run(stage)
        except BaseException as error:
            self._give_back(error)
            if isinstance(error, Exception) and not isinstance(error, AlphaAdsError):
                raise _without_message(stage, error) from None
            raise
        if report.problems:
            self._give_back_as("schema_mismatch")
        if stage is Stage.PUBLISH:
            self._end()
        return report

    def close(self) -> None:
        """Fail the attempt if it was not committed."""
        if not self._is_over:
            self._give_back_as("interrupted")

    def _give_back(self, error: BaseException) -> None:
        if isinstance(error, Fenced):
            self._end()
        elif isinstance(error, OffsetsLost):
            self._report(lambda: self._ports.ledger.lose(self._micro.batch, _now()))
        elif isinstance(error, AlphaAdsError):
            self._give_back_as(error.code)
        else:
            self._give_back_as("interrupted" if not isinstance(error, Exception) else type(error).__name__)

    def _give_back_as(self, code: str) -> None:
        self._report(lambda: self._ports.ledger.fail(self._micro.batch, code, _now()))

    def _report(self, tell: Callable[[], object]) -> None:
        from alphaads_pipelines.telemetry import get_logger

        self._end()
        try:
            tell()
        except AlphaAdsError as error:  # the lease expires by itself
            get_logger(__name__).warning("could not hand the batch back", batch=self._micro.batch.id, error=error.code)

    def _end(self) -> None:
        self._is_over = True
        self._heartbeat.__exit__(None, None, None)


def _without_message(stage: Stage, error: Exception) -> PermanentError:
    """Replace an unexpected error: Dagster stores messages, which may contain people's text."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    name = type(error).__name__
    return PermanentError(f"{stage}: {name} at {Path(where.filename).name}:{where.lineno}; its message is withheld")


class BatchRun:
    """The batches of one run. Close after use.

    Parameters
    ----------
    requested: the attempt to run; None to replay hours.
    worker: the run id, for the ledger.
    """

    def __init__(self, ports: BatchPorts, requested: Requested | None, worker: str) -> None:
        self._ports, self._requested, self._worker = ports, requested, worker
        self._claim: Claim | None = None
        self._replayed: dict[Stage, StepReport] | None = None

    def step(self, stage: Stage, hours: Sequence[str]) -> StepReport:
        """Run `stage` of the requested batch, or of the committed batches of `hours`.

        Raises
        ------
        Fenced: another attempt owns the batch. OffsetsLost: retention removed unread records.
        InvalidRequest: neither a batch nor an hour was chosen.
        StreamUnavailable, StoreUnavailable, WriteConflict: the ledger schedules a retry.
        """
        if self._requested is None:
            if self._replayed is None:
                self._replayed = self._replay(hours, STAGES[STAGES.index(stage) :])
            return self._replayed[stage]
        if self._claim is None:
            self._claim = Claim(self._ports, self._requested, self._worker)
        return self._claim.run(stage)

    def _replay(self, hours: Sequence[str], stages: Sequence[Stage]) -> dict[Stage, StepReport]:
        if not hours:
            raise InvalidRequest("choose the hours to replay: a run of these assets needs a partition, or a batch")
        seqs = committed_batches(self._ports, hours)
        reports: dict[Stage, list[StepReport]] = {stage: [] for stage in stages}
        for place, seq in enumerate(seqs):
            if not self._replay_batch(seq, frozenset(seqs[place + 1 :]), reports):
                break
        return {stage: combined(each) for stage, each in reports.items()}

    def _replay_batch(self, seq: int, replayed_later: frozenset[int], reports: dict[Stage, list[StepReport]]) -> bool:
        """Whether every step kept the contracts; steps after a breach report that they were skipped."""
        attempt = plan_replay(self._ports, seq)
        self._claim = Claim(self._ports, Requested(seq, attempt), self._worker, replayed_later)
        for stage, told in reports.items():
            told.append(self._claim.run(stage))
            if told[-1].problems:
                return False
        return True

    def close(self) -> None:
        """Fail a claimed batch that was not committed."""
        if self._claim is not None:
            self._claim.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def committed_batches(ports: Ports, hours: Sequence[str]) -> list[int]:
    """Committed batches planned in `hours`, oldest first."""
    found = (batch.seq for hour in hours for batch in ports.ledger.batches(hour=hour, state="committed", limit=_ALL))
    return sorted(found)


def plan_replay(ports: Ports, seq: int, patience_s: float = _PATIENCE_S) -> int:
    """Plan a replay of a committed batch once its partitions are free; returns the attempt to claim.

    Raises
    ------
    WriteConflict: partitions stayed busy too long. InvalidRequest: it waits for an operator. NotFound.
    """
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        for planned in ports.ledger.replay([seq], _now(), by_caller=True):
            return planned.attempt
        batch = ports.ledger.get(seq)
        if batch.state in ("failed", "lost", "given_up"):
            raise InvalidRequest(f"{batch.id} is {batch.state}: it waits for a person; see `alphaads batches`")
        time.sleep(_POLL_S)
    raise WriteConflict(f"batch {seq} could not be replayed: its partitions were busy for {patience_s:.0f} s")
