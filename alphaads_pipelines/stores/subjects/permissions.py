"""Permissions: whether a subject's data may be used for a purpose, checked at the time of use.

Uncached, one statement of a few point reads: withdrawals, restrictions, removed links and erasures take effect at once
in every process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import InvalidRequest, NotFound, NotPermitted, Restricted
from alphaads_pipelines.platforms.terms import is_forbidden
from alphaads_pipelines.privacy.purposes import needs_consent
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.relational import sql_table, transaction
from alphaads_pipelines.stores.subjects.consents import consenting_in, granted_in
from alphaads_pipelines.stores.subjects.links import join_in, leave_in, members_in, members_of
from alphaads_pipelines.stores.subjects.rectifications import newest_of
from alphaads_pipelines.stores.subjects.restrictions import all_restricted_in, restricted_in
from alphaads_pipelines.stores.subjects.subjects import platforms_of

_EVENTS = sql_table("consent_events")
_MEMBERS = members_of(sa.bindparam("subject_id")).subquery("members")
Refusal = Literal["no_subject", "unknown_subject", "no_consent", "restricted", "source_terms", "unchecked"]
"""Why data is not used: no subject given; unknown or erased; no consent; restricted; forbidden by the network's terms;
the store did not answer."""


@dataclass(frozen=True, slots=True)
class Permission:
    """Permitted use of a subject's data.

    Attributes
    ----------
    subjects: whose states may be combined, the requested one first; empty if refused.
    refusal: the reason, or None.
    rectified: field -> the person's own value, which overrides inferences.
    """

    subjects: tuple[str, ...] = ()
    refusal: Refusal | None = None
    rectified: Mapping[str, Any] = field(default_factory=dict)


def permission_of(engine: Engine, subject_id: str | None, purpose: str) -> Permission:
    """Check a subject for a purpose, now. Raises StoreUnavailable.

    Linked subjects are included if each allows both the purpose and linking.
    """
    if subject_id is None:
        return Permission(refusal="no_subject")
    rows = _rows(engine, subject_id, purpose)
    refusals = {row.subject_id: _refusal(row, purpose) for row in rows}
    if (refusal := refusals[subject_id]) is not None:
        return Permission(refusal=refusal)
    return _combined(subject_id, rows, refusals)


def profile_permission_of(engine: Engine, subject_id: str) -> Permission:
    """Check whether to show a profile; linked subjects are included if all allow linking.

    Only unknown and restricted subjects are refused. Raises StoreUnavailable.
    """
    rows = _rows(engine, subject_id, "linking")
    refusals = {row.subject_id: _refusal(row, "linking") for row in rows}
    if refusals[subject_id] in ("unknown_subject", "restricted"):
        return Permission(refusal=refusals[subject_id])
    return _combined(subject_id, rows, refusals)


class _Allowed(NamedTuple):
    subject_id: str
    platform: str | None
    is_restricted: bool
    allows_purpose: bool | None
    allows_linking: bool | None
    field: str | None
    value: Any
    rectified_at: datetime | None


def _rows(engine: Engine, subject_id: str, purpose: str) -> list[_Allowed]:
    return [_Allowed(*row) for row in _PERMISSIONS.read(engine, subject_id=subject_id, purpose=purpose)]


def _combined(subject_id: str, rows: Sequence[_Allowed], refusals: Mapping[str, Refusal | None]) -> Permission:
    linking = {row.subject_id for row in rows if row.allows_linking and refusals[row.subject_id] is None}
    others = sorted(linking - {subject_id}) if subject_id in linking else []
    combined = (subject_id, *others)
    said = [row for row in rows if row.field is not None and row.subject_id in combined]
    return Permission(combined, None, newest_of(said))


def _allows(purpose: Any) -> Any:
    said = sa.select(_EVENTS.c.is_granted).where(
        _EVENTS.c.subject_id == _MEMBERS.c.subject_id, _EVENTS.c.purpose == purpose
    )
    return said.order_by(_EVENTS.c.change_seq.desc()).limit(1).scalar_subquery()


def _permission_query() -> Any:
    """One row per rectification of each member, or one without."""
    subjects, restrictions, rectifications = map(sql_table, ("subjects", "restrictions", "rectifications"))
    known = _MEMBERS.outerjoin(subjects, subjects.c.subject_id == _MEMBERS.c.subject_id)
    restricted = known.outerjoin(restrictions, restrictions.c.subject_id == _MEMBERS.c.subject_id)
    return sa.select(
        _MEMBERS.c.subject_id,
        subjects.c.platform,
        restrictions.c.reason.is_not(None).label("is_restricted"),
        _allows(sa.bindparam("purpose")).label("allows_purpose"),
        _allows("linking").label("allows_linking"),
        rectifications.c.field,
        rectifications.c.value,
        rectifications.c.rectified_at,
    ).select_from(restricted.outerjoin(rectifications, rectifications.c.subject_id == _MEMBERS.c.subject_id))


_PERMISSIONS = PreparedStatement(_permission_query())


def _refusal(row: _Allowed, purpose: str) -> Refusal | None:
    if row.platform is None:
        return "unknown_subject"
    if row.is_restricted:
        return "restricted"
    if is_forbidden([row.platform], purpose):
        return "source_terms"
    if needs_consent(purpose) and not row.allows_purpose:
        return "no_consent"
    return None


def excluded_in(connection: Connection, purpose: str) -> set[str]:
    """Subjects excluded from batch work that needs no consent: restricted, or objected to the purpose."""
    return all_restricted_in(connection) | consenting_in(connection, purpose, granted=False)


def link(engine: Engine, subject_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Link subjects of several networks as one person; returns all its subjects, sorted.

    Raises
    ------
    InvalidRequest: fewer than two subjects. NotFound: one is unknown.
    NotPermitted: one lacks consent to linking, or its network forbids it. Restricted: one is.
    StoreUnavailable.
    """
    if len(set(subject_ids)) < 2:
        raise InvalidRequest("a link joins at least two different subjects")
    with transaction(engine) as connection:
        members = sorted({member for each in subject_ids for member in members_in(connection, each)})
        platforms = platforms_of(connection, members)
        if platforms.keys() < set(members):
            raise NotFound("one of the subjects is not known")
        if is_forbidden(platforms.values(), "linking"):
            raise NotPermitted("the terms of one of the networks forbid linking its members")
        if restricted_in(connection, members):
            raise Restricted("the data of one of the subjects is restricted: it is kept and not used")
        if granted_in(connection, members, "linking") != set(members):
            raise NotPermitted("each of the subjects must allow linking first")
        return join_in(connection, members, now)


def unlink(engine: Engine, subject_id: str) -> bool:
    """Unlink a subject; returns whether it was linked. Raises StoreUnavailable."""
    with transaction(engine) as connection:
        return leave_in(connection, subject_id)
