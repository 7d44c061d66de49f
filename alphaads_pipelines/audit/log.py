"""The audit log: who accessed personal data, when and why. Append-only, one chain per writing process.

Callers record before they return personal data, and stop on failure. Recorded entries survive a process crash; a power
cut may lose those since the last checkpoint (fsync), which `alphaads audit verify` reports.

A chain ends at 16 MiB or after a day. Signed starts and ends (`checkpoints.py`) reveal its removal.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from alphaads_pipelines.audit.chain import ChainFile
from alphaads_pipelines.audit.checkpoints import Checkpoints, Head
from alphaads_pipelines.audit.entries import GENESIS_MAC, AuditKeys, Entry, People, people
from alphaads_pipelines.errors import StoreUnavailable, TransientError
from alphaads_pipelines.telemetry import AUDIT_ENTRIES, AUDIT_FAILURES, get_logger

_log = get_logger(__name__)


class AuditLog:
    """Writer of this process's chain. Thread-safe. Close after use.

    An entry costs four system calls and two HMACs, plus one per person.
    """

    def __init__(
        self,
        folder: Path,
        keys: AuditKeys,
        checkpoints: Checkpoints,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder, self._keys, self._checkpoints, self._clock = folder, keys, checkpoints, clock
        self._lock = threading.Lock()
        self._chain: ChainFile | None = None

    def record(
        self,
        *,
        action: str,
        purpose: str,
        actor: str,
        resource: str,
        subjects: Iterable[str] | People = (),
        correlation_id: str = "",
    ) -> None:
        """Write one entry, before the data is returned or changed.

        Parameters
        ----------
        action: as `noun.verb`.
        purpose: one of `subject_tables.PURPOSES`, or `intake`, `rights`, `operation`.
        actor: `api:NAME`, `cli:USER` or `run:ID`.
        resource: route, command or table; never names a person.
        subjects: subject ids or `people(...)`; only keyed hashes are written.

        Raises
        ------
        StoreUnavailable: not written; the caller must not proceed.
        """
        about = subjects if isinstance(subjects, People) else self.people(subjects)
        try:
            with self._lock:
                now = self._clock()
                chain = self._current(now)
                chain.append(
                    Entry(
                        writer=chain.writer,
                        number=chain.head.entries + 1,
                        at=now,
                        actor=actor,
                        action=action,
                        purpose=purpose,
                        resource=resource,
                        correlation_id=correlation_id,
                        people=about,
                        previous=chain.head.mac,
                    )
                )
        except OSError as error:
            AUDIT_FAILURES.inc()
            raise StoreUnavailable(f"the audit log cannot be written: {error.strerror}") from error
        except StoreUnavailable:
            AUDIT_FAILURES.inc()
            raise
        AUDIT_ENTRIES.labels(action).inc()

    @property
    def would_block(self) -> bool:
        """Whether the next entry waits: for the store, where a chain's begin and end are signed, or for who does."""
        chain = self._chain
        return self._lock.locked() or chain is None or not chain.is_sound or chain.is_full(self._clock())

    def people(self, subject_ids: Iterable[str]) -> People:
        """Hash subject ids once for use in several entries."""
        return people(self._keys, subject_ids)

    def close(self) -> None:
        """End the chain with a signed checkpoint; in an outage the next one signs it."""
        with self._lock:
            if self._chain is None:
                return
            try:
                self._end()
                self._checkpoints.copy()
            except (OSError, TransientError) as error:
                _log.warning("the end of an audit chain is not signed yet", error=type(error).__name__)

    def _current(self, now: datetime) -> ChainFile:
        """The chain to append to. An unsound one stays for `alphaads audit verify` to report."""
        if self._chain is not None and not self._chain.is_sound:
            chain, self._chain = self._chain, None
            chain.close()
        if self._chain is not None and self._chain.is_full(now):
            self._end()
        if self._chain is None:
            self._chain = self._begin(now)
        return self._chain

    def _begin(self, now: datetime) -> ChainFile:
        chain = ChainFile(self._folder, self._keys, now)
        try:
            self._checkpoints.sign([Head("opened", chain.writer, 0, GENESIS_MAC)])
        except StoreUnavailable:
            chain.discard()
            raise
        return chain

    def _end(self) -> None:
        chain, self._chain = self._chain, None
        if chain is None:
            return
        try:
            chain.sync()
        finally:
            chain.close()
        self._checkpoints.sign([Head("head", chain.writer, chain.head.entries, chain.head.mac)])
