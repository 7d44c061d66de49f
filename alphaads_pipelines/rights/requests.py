"""Data subjects' requests: opened, processed under a lease, finished; due one month after opening.

Belongs here: rows of `rights_requests`. Does not: fulfilment (erasure.py, export.py).

The end of the lease is the fencing token. One month as in GDPR article 12(3) and Regulation 1182/71: the same day of
the next month, or its last day.
"""

from __future__ import annotations

import calendar
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.errors import Fenced, NotFound, WriteConflict
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction

Kind = Literal["export", "erase", "rectify", "restrict"]
OPEN_STATES = ("open", "running")
_LEASE = timedelta(seconds=60)
_REQUESTS = sql_table("rights_requests")


@dataclass(frozen=True, slots=True)
class RightsRequest:
    """One request.

    Attributes
    ----------
    subject_id: None for an erasure, after its first step.
    sealed_subject: encrypted subject id of an incomplete erasure; see `sealed_subjects.py`.
    step: last finished step. progress: figures by step, never identifying.
    lease_until: of the working process. receipt: signed, once done.
    """

    request_id: str
    kind: Kind
    subject_id: str | None
    sealed_subject: bytes | None
    state: str
    step: str | None
    progress: Mapping[str, Any]
    correlation_id: str
    opened_at: datetime
    due_at: datetime
    lease_until: datetime | None
    completed_at: datetime | None
    receipt: Mapping[str, Any] | None

    def is_overdue(self, now: datetime) -> bool:
        """Whether the request is open past its due date."""
        return self.state in OPEN_STATES and now >= self.due_at


def one_month_after(moment: datetime) -> datetime:
    """The same time and day of the next month, or its last day."""
    moment = moment.astimezone(UTC)
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


class RightsRequests:
    """One installation's requests; a claim lasts `lease` unless renewed. Every method raises StoreUnavailable."""

    def __init__(self, engine: Engine, lease: timedelta = _LEASE) -> None:
        self._engine, self._lease = engine, lease

    def open(self, kind: Kind, subject_id: str | None, correlation_id: str, now: datetime) -> RightsRequest:
        """Create a request."""
        with transaction(self._engine) as connection:
            return self.open_in(connection, kind, subject_id, correlation_id, now)

    def open_in(
        self,
        connection: Connection,
        kind: Kind,
        subject_id: str | None,
        correlation_id: str,
        now: datetime,
        sealed_subject: bytes | None = None,
    ) -> RightsRequest:
        """Create a request in the caller's transaction."""
        request_id = uuid.uuid4().hex
        row: dict[str, Any] = {
            "request_id": request_id,
            "kind": kind,
            "subject_id": subject_id,
            "sealed_subject": sealed_subject,
            "state": "open",
            "progress": {},
            "correlation_id": correlation_id,
            "opened_at": now,
            "due_at": one_month_after(now),
        }
        connection.execute(_REQUESTS.insert().values(**row))
        return self._get(connection, request_id)

    def get(self, request_id: str) -> RightsRequest:
        """Look up a request. Raises NotFound."""
        with reading(self._engine) as connection:
            return self._get(connection, request_id)

    def list(self, *, kind: Kind | None = None, only_open: bool = True, limit: int = 1000) -> list[RightsRequest]:
        """Requests, earliest due first."""
        query = sa.select(_REQUESTS).order_by(_REQUESTS.c.due_at, _REQUESTS.c.request_id).limit(limit)
        if only_open:
            query = query.where(_REQUESTS.c.state.in_(OPEN_STATES))
        if kind is not None:
            query = query.where(_REQUESTS.c.kind == kind)
        with reading(self._engine) as connection:
            return [_request(row) for row in connection.execute(query)]

    def claim(self, request_id: str, now: datetime) -> RightsRequest:
        """Claim an open request. Raises NotFound, or WriteConflict if claimed by another process or closed."""
        is_free = sa.or_(_REQUESTS.c.lease_until.is_(None), _REQUESTS.c.lease_until <= now)
        taken = _REQUESTS.update().where(
            _REQUESTS.c.request_id == request_id, _REQUESTS.c.state.in_(OPEN_STATES), is_free
        )
        with transaction(self._engine) as connection:
            moved = connection.execute(taken.values(state="running", lease_until=now + self._lease)).rowcount
            found = self._get(connection, request_id)
        if moved != 1:
            why = "another process works on it" if found.state in OPEN_STATES else f"it is {found.state}"
            raise WriteConflict(f"request {request_id} cannot be taken: {why}")
        return found

    def advance(
        self,
        claimed: RightsRequest,
        now: datetime,
        *,
        step: str | None = None,
        figures: Mapping[str, Any] | None = None,
    ) -> RightsRequest:
        """Record a finished step with its figures, or progress (`step` None), and renew the lease. Raises Fenced."""
        progress = claimed.progress if step is None else {**claimed.progress, step: dict(figures or {})}
        values = {"step": step or claimed.step, "progress": dict(progress), "lease_until": now + self._lease}
        return self._move(claimed, values)

    def finish(
        self,
        claimed: RightsRequest,
        now: datetime,
        *,
        state: Literal["done", "refused"] = "done",
        receipt: Mapping[str, Any] | None = None,
    ) -> RightsRequest:
        """Close the request; drops an erasure's sealed subject id. Raises Fenced."""
        values: dict[str, Any] = {"state": state, "completed_at": now, "lease_until": None, "sealed_subject": None}
        return self._move(claimed, {**values, **({"receipt": dict(receipt)} if receipt is not None else {})})

    def release(self, claimed: RightsRequest) -> None:
        """Give up the claim; no-op if the lease was lost."""
        with transaction(self._engine) as connection:
            connection.execute(_claimed(claimed).values(lease_until=None))

    def _move(self, claimed: RightsRequest, values: Mapping[str, Any]) -> RightsRequest:
        with transaction(self._engine) as connection:
            if connection.execute(_claimed(claimed).values(**values)).rowcount != 1:
                raise Fenced(f"request {claimed.request_id}: another process works on it now")
            return self._get(connection, claimed.request_id)

    def _get(self, connection: Connection, request_id: str) -> RightsRequest:
        row = connection.execute(sa.select(_REQUESTS).where(_REQUESTS.c.request_id == request_id)).one_or_none()
        if row is None:
            raise NotFound("there is no such request")
        return _request(row)


def _claimed(claimed: RightsRequest) -> sa.Update:
    return _REQUESTS.update().where(
        _REQUESTS.c.request_id == claimed.request_id,
        _REQUESTS.c.state == "running",
        _REQUESTS.c.lease_until == claimed.lease_until,
    )


def _request(row: Row[Any]) -> RightsRequest:
    return RightsRequest(**row._mapping)
