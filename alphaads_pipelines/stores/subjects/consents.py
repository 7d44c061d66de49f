"""Consent events in the relational store, append-only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import NotFound, NotPermitted
from alphaads_pipelines.platforms.terms import is_forbidden
from alphaads_pipelines.privacy.consent import ConsentEvent, check_evidence, check_purpose, current
from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table, transaction
from alphaads_pipelines.stores.subjects.links import leave_in
from alphaads_pipelines.stores.subjects.subjects import platforms_of

_EVENTS = sql_table("consent_events")


def record_consent(
    engine: Engine, subject_id: str, purpose: str, *, granted: bool, source: str, evidence: str, now: datetime
) -> ConsentEvent:
    """Record a grant or withdrawal; it holds from the next decision on.

    Withdrawing `linking` also unlinks the subject, in the same transaction.

    Parameters
    ----------
    source: one of CONSENT_SOURCES. evidence: non-identifying reference to the record of consent.

    Raises
    ------
    InvalidRequest: unknown purpose or malformed evidence. NotFound: no such subject.
    NotPermitted: the network's terms forbid granting this purpose. StoreUnavailable.
    """
    row: dict[str, Any] = {"subject_id": subject_id, "purpose": check_purpose(purpose), "is_granted": granted}
    row |= {"source": source, "evidence": check_evidence(evidence), "recorded_at": now}
    with transaction(engine) as connection:
        platform = platforms_of(connection, [subject_id]).get(subject_id)
        if platform is None:
            raise NotFound("no subject has this id")
        if granted and is_forbidden([platform], purpose):
            raise NotPermitted(f"the terms of {platform} forbid {purpose} with its members' data")
        change_seq = connection.execute(_EVENTS.insert().values(**row).returning(_EVENTS.c.change_seq)).scalar_one()
        if purpose == "linking" and not granted:
            leave_in(connection, subject_id)
    return ConsentEvent(change_seq=change_seq, **row)


def consent_history(engine: Engine, subject_id: str) -> list[ConsentEvent]:
    """A subject's events, oldest first. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return events_in(connection, [subject_id])


def events_in(connection: Connection, subject_ids: Iterable[str]) -> list[ConsentEvent]:
    """These subjects' events, oldest first."""
    rows = select_in(connection, "consent_events", "subject_id", subject_ids)
    return sorted((ConsentEvent(**row._mapping) for row in rows), key=lambda each: each.change_seq)


def granted_in(connection: Connection, subject_ids: Iterable[str], purpose: str) -> set[str]:
    """Filter subjects by current consent to a purpose."""
    said = {subject: current(events) for subject, events in _by_subject(events_in(connection, subject_ids)).items()}
    return {subject for subject, held in said.items() if purpose in held and held[purpose].is_granted}


def consenting_in(connection: Connection, purpose: str, *, granted: bool) -> set[str]:
    """All subjects whose newest event for the purpose is a grant, or a withdrawal. Full scan, for batch work."""
    newest = (
        sa.select(sa.func.max(_EVENTS.c.change_seq)).where(_EVENTS.c.purpose == purpose).group_by(_EVENTS.c.subject_id)
    )
    held = sa.select(_EVENTS.c.subject_id).where(_EVENTS.c.change_seq.in_(newest), _EVENTS.c.is_granted == granted)
    return set(connection.execute(held).scalars())


def _by_subject(events: Iterable[ConsentEvent]) -> dict[str, list[ConsentEvent]]:
    grouped: dict[str, list[ConsentEvent]] = {}
    for each in events:
        grouped.setdefault(each.subject_id, []).append(each)
    return grouped
