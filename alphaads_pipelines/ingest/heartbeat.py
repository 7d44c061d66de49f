"""Heartbeat of a running batch: renews its lease and detects its loss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from alphaads_pipelines.errors import Fenced, TransientError
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.ledger import Ledger
from alphaads_pipelines.telemetry import get_logger

_BEATS_A_LEASE = 4


def _now() -> datetime:
    return datetime.now(UTC)


class Heartbeat:
    """Renews the lease four times per lease length, in a thread."""

    def __init__(self, ledger: Ledger, batch: Batch, clock: Callable[[], datetime] = _now) -> None:
        self._ledger, self._batch, self._clock = ledger, batch, clock
        self._stopping = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{batch.id}", daemon=True)

    def check(self) -> None:
        """Raise Fenced if another attempt owns the batch. Queries the ledger: a process may have been frozen."""
        if self._lost.is_set():
            raise Fenced(f"{self._batch.id}: the lease of attempt {self._batch.attempt} was lost")
        self._ledger.check(self._batch)

    def _beat(self) -> None:
        while not self._stopping.wait(self._ledger.limits.lease_s / _BEATS_A_LEASE):
            try:
                self._ledger.renew(self._batch, self._clock())
            except Fenced:
                self._lost.set()
                return
            except TransientError as error:
                get_logger(__name__).warning("lease not renewed", batch=self._batch.id, error=error.code)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
