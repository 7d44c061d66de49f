"""Erase a person: destroy their keys at once, then remove their data store by store, with proof.

`begin` is one transaction. Half a second later, when key caches expire, nothing of the subject can be opened or used,
and intake drops their posts.

`resume` runs the remaining steps, which may be killed and rerun: each eraser, the wait for running batches (they may
hold data read earlier), each eraser again, the checks, the receipt. If a check finds anything, the request stays open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alphaads_pipelines.errors import AlphaAdsError, InvalidRequest, NotFound, WriteConflict
from alphaads_pipelines.ports import Ports
from alphaads_pipelines.rights.erasure.base import CheckResult, ErasedStores, Eraser, ErasureTarget, all_erasers
from alphaads_pipelines.rights.erasure.journal import ErasureJournal
from alphaads_pipelines.rights.erasure.receipts import Signer
from alphaads_pipelines.rights.erasure.relational import delete_subject
from alphaads_pipelines.rights.erasure.sealed_subjects import SealedSubjects
from alphaads_pipelines.rights.requests import RightsRequest, RightsRequests
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table, transaction
from alphaads_pipelines.stores.subjects.subject_keys import shard_of

KEYS, BATCHES, SWEEP = "keys", "batches", "sweep"
_SETTLE = timedelta(seconds=2)
"""Time after which no process holds keys, profiles or decisions of the subject outside the stores."""
_BATCH_TIMEOUT_S = 600.0
_POLL_S = 0.1
_ALL = 1_000_000

Report = Callable[[str, int, int, str], None]
"""Called with a step's name, its number, the number of steps, and the position in the step."""


@dataclass(frozen=True, slots=True)
class ErasureTools:
    """Dependencies of an erasure."""

    ports: Ports
    journal: ErasureJournal
    requests: RightsRequests
    sealed: SealedSubjects
    signer: Signer
    stores: ErasedStores


def _no_report(step: str, number: int, steps: int, where: str) -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)


class Erasure:
    """Erases subjects; `settle` is the minimum delay between key destruction and the final sweep."""

    def __init__(self, tools: ErasureTools, settle: timedelta = _SETTLE) -> None:
        self._tools, self._settle = tools, settle
        self._erasers = all_erasers(tools.stores)
        self.steps = (*(each.name for each in self._erasers), BATCHES, SWEEP)

    def begin(self, subject_id: str, correlation_id: str) -> RightsRequest:
        """Destroy keys and identity, suppress the subject, delete live rows; returns the open request.

        Callers audit it first.

        Raises
        ------
        NotFound: no such subject. StoreUnavailable: nothing changed.
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
        """Incomplete erasures, earliest due first."""
        return self._tools.requests.list(kind="erase")

    def before(self, subject_id: str) -> list[RightsRequest]:
        """Past and pending erasures of this subject."""
        mine = self._hash(subject_id)
        known = self._tools.requests.list(kind="erase", only_open=False, limit=_ALL)
        return [each for each in known if each.progress.get(KEYS, {}).get("subject") == mine]

    def resume(self, request_id: str, report: Report = _no_report) -> RightsRequest:
        """Run the remaining steps of an erasure; returns the request with its receipt.

        Raises
        ------
        NotFound, InvalidRequest: not an erasure. Fenced: another process took over.
        WriteConflict: another process holds the claim, or data is left; the request stays open.
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
        """When processes hold none of the subject's data any more."""
        return request.opened_at + self._settle


class _Work:
    def __init__(self, erasure: Erasure, tools: ErasureTools, held: RightsRequest, report: Report) -> None:
        self._erasure, self._tools, self.held, self._report = erasure, tools, held, report
        self._step = KEYS
        subject_id = tools.sealed.open(held.sealed_subject or b"", held.correlation_id)
        self._subject = ErasureTarget(subject_id, shard_of(subject_id, tools.ports.shards))
        self._renewed_at = time.monotonic()

    def run(self, erasers: Sequence[Eraser]) -> RightsRequest:
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
        """Wait for attempts that may have read the subject's data before its erasure."""
        while _now() < self._erasure.settle_until(self.held):  # keys are cached this long
            time.sleep(_POLL_S)
            self._tick("settling")
        deadline = time.monotonic() + _BATCH_TIMEOUT_S
        running = waited_for = self._running()
        while running:
            if time.monotonic() > deadline:
                raise WriteConflict("a batch that may hold the subject is still running; the erasure goes on later")
            time.sleep(_POLL_S)
            self._tick("waiting")
            running &= self._running()
        return {"batches": len(waited_for)}

    def _running(self) -> set[tuple[int, int]]:
        """Running attempts; those without a heartbeat are failed, which fences them."""
        now, ledger = _now(), self._tools.ports.ledger
        found = set()
        for batch in ledger.batches(state="running", limit=_ALL):
            if batch.lease_until is None or batch.lease_until <= now:
                ledger.fail(batch, "interrupted", now)
            else:
                found.add((batch.seq, batch.attempt))
        return found

    def _finish(self, checks: Mapping[str, CheckResult]) -> RightsRequest:
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
