"""Erasure: the keys of a person are destroyed at once, then what they sealed goes, store by store, with proof.

`begin` is one transaction. When it returns, nobody can open anything of the subject within the half second that other
processes keep keys, nothing is decided by their profile, and intake takes nothing more of them.

`carry_on` does the rest, in named steps that may be killed anywhere and run again: each eraser, the wait for batches
that were running (they may hold what they read before), each eraser once more, the checks, the receipt. A request is
done only when the checks find nothing; else it stays open, and the next run tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alphaads_pipelines.errors import AlphaAdsError, InvalidRequest, NotFound, WriteConflict
from alphaads_pipelines.ports import Ports
from alphaads_pipelines.rights.erasure.base import Checked, ErasedStores, Eraser, ErasureTarget, all_erasers
from alphaads_pipelines.rights.erasure.journal import ErasureJournal
from alphaads_pipelines.rights.erasure.receipts import Signer
from alphaads_pipelines.rights.erasure.relational import delete_subject
from alphaads_pipelines.rights.erasure.sealed_subjects import SealedSubjects
from alphaads_pipelines.rights.requests import RightsRequest, RightsRequests
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table, transaction
from alphaads_pipelines.stores.subjects.subject_keys import shard_of

KEYS, BATCHES, SWEEP = "keys", "batches", "sweep"
_SETTLE = timedelta(seconds=2)
"""After it no process holds a key, a profile or a decision of the subject that is not in the stores."""
_PATIENCE_S = 600.0
_POLL_S = 0.1
_ALL = 1_000_000

Report = Callable[[str, int, int, str], None]
"""Told a step's name, its number and how many there are, and where in it the work is."""


@dataclass(frozen=True, slots=True)
class ErasureTools:
    """The domain objects that an erasure needs."""

    ports: Ports
    journal: ErasureJournal
    requests: RightsRequests
    sealed: SealedSubjects
    signer: Signer
    stores: ErasedStores


def _silent(step: str, number: int, steps: int, where: str) -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)


class Erasure:
    """Erases subjects of one installation.

    Parameters
    ----------
    tools: the domain objects.
    settle: how long after the destruction of the keys the last sweep may begin.
    """

    def __init__(self, tools: ErasureTools, settle: timedelta = _SETTLE) -> None:
        self._tools, self._settle = tools, settle
        self._erasers = all_erasers(tools.stores)
        self.steps = (*(each.name for each in self._erasers), BATCHES, SWEEP)

    def begin(self, subject_id: str, correlation_id: str) -> RightsRequest:
        """Destroy the subject's keys and identity, suppress them, delete their live rows; the request that goes on.

        The caller records it in the audit log before.

        Raises
        ------
        NotFound: nobody has this id, or not any more. StoreUnavailable: nothing was changed.
        """
        tools = self._tools
        identities = self._identities(subject_id)
        now = _now()
        tools.journal.remember(identities, subject_id, now)
        with transaction(tools.ports.engine) as connection:
            keys = tools.ports.subject_keys.destroy_in(connection, subject_id)
            tools.ports.suppressions.suppress(connection, identities, subject_id, now)
            rows = delete_subject(connection, subject_id)
            sealed = tools.sealed.seal(subject_id, correlation_id)
            request = tools.requests.open_in(connection, "erase", None, correlation_id, now, sealed)
            figures = {"subject": self._hash(subject_id), "keys": keys, "identities": len(identities), "rows": rows}
            requests = sql_table("rights_requests")
            noted = requests.update().where(requests.c.request_id == request.request_id)
            connection.execute(noted.values(step=KEYS, progress={KEYS: figures}))
        return tools.requests.get(request.request_id)

    def pending(self) -> list[RightsRequest]:
        """Erasures that are not complete, those that are due first in front."""
        return self._tools.requests.list(kind="erase")

    def before(self, subject_id: str) -> list[RightsRequest]:
        """Erasures of this subject so far."""
        mine = self._hash(subject_id)
        known = self._tools.requests.list(kind="erase", only_open=False, limit=_ALL)
        return [each for each in known if each.progress.get(KEYS, {}).get("subject") == mine]

    def carry_on(self, request_id: str, report: Report = _silent) -> RightsRequest:
        """Do what is left of an erasure; the request with its receipt.

        Raises
        ------
        NotFound, InvalidRequest: it is no erasure. Fenced: another process went on with it.
        WriteConflict: another process works on it, or something is still there; it stays open.
        StoreUnavailable, StreamUnavailable: it stays open.
        """
        found = self._tools.requests.get(request_id)
        if found.kind != "erase":
            raise InvalidRequest("this request is no erasure")
        if found.state == "done":
            return found
        work = _Work(self, self._tools, self._tools.requests.claim(request_id, _now()), report)
        try:
            return work.run(self._erasers)
        except AlphaAdsError:
            self._tools.requests.release(work.held)
            raise

    def _identities(self, subject_id: str) -> list[bytes]:
        with reading(self._tools.ports.engine) as connection:
            rows = select_in(connection, "subjects", "subject_id", [subject_id], ["identity_mac"])
        if not rows:
            raise NotFound("no subject has this id")
        return [bytes(row.identity_mac) for row in rows]

    def _hash(self, subject_id: str) -> str:
        return self._tools.ports.pseudonyms.suppressed_subject(subject_id).hex()

    def settle_until(self, request: RightsRequest) -> datetime:
        """When no process holds anything of the subject any more."""
        return request.opened_at + self._settle


class _Work:
    """One run of an erasure, under its claim."""

    def __init__(self, erasure: Erasure, tools: ErasureTools, held: RightsRequest, report: Report) -> None:
        self._erasure, self._tools, self.held, self._report = erasure, tools, held, report
        self._step = KEYS
        subject_id = tools.sealed.open(held.sealed_subject or b"", held.correlation_id)
        self._subject = ErasureTarget(subject_id, shard_of(subject_id, tools.ports.shards))
        self._renewed_at = time.monotonic()

    def run(self, erasers: Sequence[Eraser]) -> RightsRequest:
        """Every step that was not finished, the checks, the receipt."""
        for eraser in erasers:
            self._do(eraser.name, lambda eraser=eraser: eraser.erase(self._subject, self._tick))  # type: ignore[misc]
        self._do(BATCHES, self._await_batches)
        self._subject = replace(self._subject, writers_ended=True)
        self._enter(SWEEP)
        swept = {eraser.name: dict(eraser.erase(self._subject, self._tick)) for eraser in erasers}
        checks = {eraser.name: eraser.check(self._subject) for eraser in erasers}
        if left := {name: each.found for name, each in checks.items() if each.found}:
            raise WriteConflict(f"something of the subject is still there ({left}); the erasure goes on later")
        self.held = self._tools.requests.advance(self.held, _now(), step=SWEEP, figures=swept)
        return self._finish(checks)

    def _do(self, step: str, work: Callable[[], Mapping[str, Any]]) -> None:
        if step in self.held.progress:
            return
        self._enter(step)
        figures = dict(work())
        self._tick("done")
        self.held = self._tools.requests.advance(self.held, _now(), step=step, figures=figures)
        self._tick("noted")

    def _enter(self, step: str) -> None:
        self._step = step
        self._tick("begun")

    def _tick(self, where: str) -> None:
        self._report(self._step, self._erasure.steps.index(self._step) + 1, len(self._erasure.steps), where)
        if time.monotonic() - self._renewed_at > 1.0:
            self.held = self._tools.requests.advance(self.held, _now())
            self._renewed_at = time.monotonic()

    def _await_batches(self) -> Mapping[str, Any]:
        """Wait until the attempts that run now have ended: they may have read the subject before the stores lost it."""
        while _now() < self._erasure.settle_until(self.held):  # a process may open records with a key it still keeps
            time.sleep(_POLL_S)
            self._tick("settling")
        deadline = time.monotonic() + _PATIENCE_S
        running = waited_for = self._running()
        while running:
            if time.monotonic() > deadline:
                raise WriteConflict("a batch that may hold the subject is still running; the erasure goes on later")
            time.sleep(_POLL_S)
            self._tick("waiting")
            running &= self._running()
        return {"batches": len(waited_for)}

    def _running(self) -> set[tuple[int, int]]:
        """Running attempts; one without a heartbeat is ended, so that it writes nothing should it wake up."""
        now, ledger = _now(), self._tools.ports.ledger
        found = set()
        for batch in ledger.batches(state="running", limit=_ALL):
            if batch.lease_until is None or batch.lease_until <= now:
                ledger.fail(batch, "interrupted", now)
            else:
                found.add((batch.seq, batch.attempt))
        return found

    def _finish(self, checks: Mapping[str, Checked]) -> RightsRequest:
        receipt = self._tools.signer.sign(
            {
                "request_id": self.held.request_id,
                "subject": self.held.progress[KEYS]["subject"],
                "requested_at": self.held.opened_at.isoformat(),
                "keys_destroyed_at": self.held.opened_at.isoformat(),
                "completed_at": _now().isoformat(),
                "erased": dict(self.held.progress),
                "checked": {name: asdict(each) for name, each in checks.items()},
            }
        )
        self._tick("signed")
        return self._tools.requests.finish(self.held, _now(), receipt=receipt)
