"""The audit log: who touched personal data, when and what for. Append-only, one chain of entries per writing process.

An entry is in the operating system's hands before `record` returns, and callers record before they hand personal data
out; when it cannot be written, nothing is. Process crash is covered; a power cut may cost the entries since the last
checkpoint, which syncs them (fsync), and `alphaads audit verify` then names them.

A chain ends at 16 MiB or after a day; the process goes on in a new one. Beginnings and ends are signed
(`audit_checkpoints`), so that a chain that is gone as a whole is missed, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from alphaads_pipelines.audit.chain import ChainFile
from alphaads_pipelines.audit.checkpoints import Checkpoints, Head
from alphaads_pipelines.audit.entries import NOTHING_BEFORE, AuditKeys, Entry, People, people
from alphaads_pipelines.errors import StoreUnavailable, TransientError
from alphaads_pipelines.telemetry import AUDIT_ENTRIES, AUDIT_FAILURES, get_logger

_log = get_logger(__name__)


class AuditLog:
    """What this process writes into the audit log. Thread-safe. Close after use.

    An entry costs four system calls and two HMACs, and one HMAC for each person in it.

    Parameters
    ----------
    folder: where the chains lie.
    keys: of the audit log.
    checkpoints: where beginnings and ends are signed.
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
        """Write one entry, before the data it is about is handed out or changed.

        Parameters
        ----------
        action: what is done, as `noun.verb`.
        purpose: one of `people_tables.PURPOSES`, or `intake`, `rights`, `operation`.
        actor: who does it: `api:NAME`, `cli:USER`, `run:ID`.
        resource: the route, command or table; it never names a person.
        subjects: subject ids, or what `people` made of them; only their keyed hashes are written.

        Raises
        ------
        StoreUnavailable: it could not be written, so the caller may go no further.
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
    def must_wait(self) -> bool:
        """Whether the next entry waits: for the store, where a chain's begin and end are signed, or for who does."""
        chain = self._chain
        return self._lock.locked() or chain is None or not chain.is_sound or chain.is_over(self._clock())

    def people(self, subject_ids: Iterable[str]) -> People:
        """What stands for these people in an entry; made once for several entries."""
        return people(self._keys, subject_ids)

    def close(self) -> None:
        """End the chain with a signed checkpoint; an outage puts only that off, until the next checkpoint."""
        with self._lock:
            if self._chain is None:
                return
            try:
                self._end()
                self._checkpoints.copy()
            except (OSError, TransientError) as error:
                _log.warning("the end of an audit chain is not signed yet", error=type(error).__name__)

    def _current(self, now: datetime) -> ChainFile:
        """The chain to write to. What is not sound any more is left as it is, for `alphaads audit verify` to name."""
        if self._chain is not None and not self._chain.is_sound:
            chain, self._chain = self._chain, None
            chain.close()
        if self._chain is not None and self._chain.is_over(now):
            self._end()
        if self._chain is None:
            self._chain = self._begin(now)
        return self._chain

    def _begin(self, now: datetime) -> ChainFile:
        chain = ChainFile(self._folder, self._keys, now)
        try:
            self._checkpoints.sign([Head("opened", chain.writer, 0, NOTHING_BEFORE)])
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
