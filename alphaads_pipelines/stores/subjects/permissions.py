"""Permissions: what may be done with a subject's data for a purpose, asked at the moment when it is done.

Nothing is remembered: each question is one statement of a few point reads, so that a withdrawal, a restriction, a
link that was cut and an erasure hold for the very next question, in every process.
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
from alphaads_pipelines.stores.sql.fastpath.statement import Prepared
from alphaads_pipelines.stores.sql.relational import sql_table, transaction
from alphaads_pipelines.stores.subjects.consents import granted_in, said_in
from alphaads_pipelines.stores.subjects.links import join_in, leave_in, members_in, members_of
from alphaads_pipelines.stores.subjects.rectifications import newest_of
from alphaads_pipelines.stores.subjects.restrictions import all_restricted_in, restricted_in
from alphaads_pipelines.stores.subjects.subjects import platforms_of

_EVENTS = sql_table("consent_events")
_MEMBERS = members_of(sa.bindparam("subject_id")).subquery("members")
Refusal = Literal["no_subject", "unknown_subject", "no_consent", "restricted", "source_terms", "unchecked"]
"""Why a person's data is not used: nobody was named; nobody is known by the id (or they were erased); they did not
allow it; it is restricted; the terms of their network forbid it; the store that knows did not answer."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What may be used of a subject.

    Attributes
    ----------
    subjects: whose states may be used together, the asked one first; empty: nobody's.
    refusal: why nobody's, else None.
    rectified: field -> what the person says of themselves, to be used in the place of what was inferred.
    """

    subjects: tuple[str, ...] = ()
    refusal: Refusal | None = None
    rectified: Mapping[str, Any] = field(default_factory=dict)


def permission_of(engine: Engine, subject_id: str | None, purpose: str) -> Permission:
    """What may be used of a subject for a purpose, now. Raises StoreUnavailable.

    Linked subjects are used with it if each of them allows both the purpose and the linking.
    """
    if subject_id is None:
        return Permission(refusal="no_subject")
    rows = _rows(engine, subject_id, purpose)
    refusals = {row.subject_id: _refusal(row, purpose) for row in rows}
    if (refusal := refusals[subject_id]) is not None:
        return Permission(refusal=refusal)
    return _together(subject_id, rows, refusals)


def profile_permission_of(engine: Engine, subject_id: str) -> Permission:
    """What may be shown as the profile of a subject: with its linked subjects, while all of them allow the linking.

    Refused are only the unknown and the restricted. Raises StoreUnavailable.
    """
    rows = _rows(engine, subject_id, "linking")
    refusals = {row.subject_id: _refusal(row, "linking") for row in rows}
    if refusals[subject_id] in ("unknown_subject", "restricted"):
        return Permission(refusal=refusals[subject_id])
    return _together(subject_id, rows, refusals)


class _Allowed(NamedTuple):
    """A row of `_what_is_allowed`."""

    subject_id: str
    platform: str | None
    is_restricted: bool
    allows_purpose: bool | None
    allows_linking: bool | None
    field: str | None
    value: Any
    rectified_at: datetime | None


def _rows(engine: Engine, subject_id: str, purpose: str) -> list[_Allowed]:
    return [_Allowed(*row) for row in _WHAT_IS_ALLOWED.ask(engine, subject_id=subject_id, purpose=purpose)]


def _together(subject_id: str, rows: Sequence[_Allowed], refusals: Mapping[str, Refusal | None]) -> Permission:
    linking = {row.subject_id for row in rows if row.allows_linking and refusals[row.subject_id] is None}
    others = sorted(linking - {subject_id}) if subject_id in linking else []
    together = (subject_id, *others)
    said = [row for row in rows if row.field is not None and row.subject_id in together]
    return Permission(together, None, newest_of(said))


def _allows(purpose: Any) -> Any:
    """The newest word of a member about a purpose, or null."""
    said = sa.select(_EVENTS.c.is_granted).where(
        _EVENTS.c.subject_id == _MEMBERS.c.subject_id, _EVENTS.c.purpose == purpose
    )
    return said.order_by(_EVENTS.c.change_seq.desc()).limit(1).scalar_subquery()


def _what_is_allowed() -> Any:
    """Network, restriction, the newest words about the purpose and linking, and a correction: one row for each
    correction of each subject of the person, or for a subject without any."""
    subjects, restrictions, corrections = map(sql_table, ("subjects", "restrictions", "rectifications"))
    known = _MEMBERS.outerjoin(subjects, subjects.c.subject_id == _MEMBERS.c.subject_id)
    restricted = known.outerjoin(restrictions, restrictions.c.subject_id == _MEMBERS.c.subject_id)
    return sa.select(
        _MEMBERS.c.subject_id,
        subjects.c.platform,
        restrictions.c.reason.is_not(None).label("is_restricted"),
        _allows(sa.bindparam("purpose")).label("allows_purpose"),
        _allows("linking").label("allows_linking"),
        corrections.c.field,
        corrections.c.value,
        corrections.c.rectified_at,
    ).select_from(restricted.outerjoin(corrections, corrections.c.subject_id == _MEMBERS.c.subject_id))


_WHAT_IS_ALLOWED = Prepared(_what_is_allowed())


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


def not_to_be_used_in(connection: Connection, purpose: str) -> set[str]:
    """Whom batch work for a purpose leaves out though it needs no consent: the restricted, and who objected."""
    return all_restricted_in(connection) | said_in(connection, purpose, granted=False)


def link(engine: Engine, subject_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Make subjects of several networks one person; all subjects of that person, in order.

    Raises
    ------
    InvalidRequest: fewer than two subjects. NotFound: one of them is not known.
    NotPermitted: one of them did not allow linking, or its network does not. Restricted: one of them is.
    StoreUnavailable.
    """
    if len(set(subject_ids)) < 2:
        raise InvalidRequest("a link joins at least two different subjects")
    with transaction(engine) as connection:
        everybody = sorted({member for each in subject_ids for member in members_in(connection, each)})
        platforms = platforms_of(connection, everybody)
        if platforms.keys() < set(everybody):
            raise NotFound("one of the subjects is not known")
        if is_forbidden(platforms.values(), "linking"):
            raise NotPermitted("the terms of one of the networks forbid linking its members")
        if restricted_in(connection, everybody):
            raise Restricted("the data of one of the subjects is restricted: it is kept and not used")
        if granted_in(connection, everybody, "linking") != set(everybody):
            raise NotPermitted("each of the subjects must allow linking first")
        return join_in(connection, everybody, now)


def unlink(engine: Engine, subject_id: str) -> bool:
    """Take a subject out of its person; whether it was linked. Raises StoreUnavailable."""
    with transaction(engine) as connection:
        return leave_in(connection, subject_id)
