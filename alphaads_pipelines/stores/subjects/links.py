"""Links between subjects of several networks that are one person.

Belongs here: rows of `people`. Does not: whether a link is allowed (permissions.py), consent.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from alphaads_pipelines.stores.sql.relational import select_in, sql_table, upsert

_PEOPLE = sql_table("people")


def members_of(subject_id: Any) -> sa.CompoundSelect[Any]:
    """Select a subject and its linked subjects."""
    own = sa.select(_PEOPLE.c.person_id).where(_PEOPLE.c.subject_id == subject_id).scalar_subquery()
    linked = sa.select(_PEOPLE.c.subject_id).where(_PEOPLE.c.person_id == own)
    return sa.union(sa.select(sa.cast(subject_id, sa.Text).label("subject_id")), linked)


def members_in(connection: Connection, subject_id: str) -> tuple[str, ...]:
    """A subject and its linked subjects, sorted."""
    return tuple(sorted(connection.execute(members_of(sa.literal(subject_id))).scalars()))


def linked_to(connection: Connection, subject_id: str) -> list[str]:
    """The other subjects of the same person, sorted."""
    return [each for each in members_in(connection, subject_id) if each != subject_id]


def join_in(connection: Connection, subject_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Merge subjects and all their linked subjects into one person; returns its subjects, sorted."""
    rows = select_in(connection, "people", "subject_id", subject_ids, ["person_id"])
    joined = {row.person_id for row in rows}
    others = select_in(connection, "people", "person_id", joined, ["subject_id"])
    members = sorted({*subject_ids, *(row.subject_id for row in others)})
    person = uuid.uuid4().hex
    upsert(connection, "people", [{"subject_id": each, "person_id": person, "linked_at": now} for each in members])
    return tuple(members)


def leave_in(connection: Connection, subject_id: str) -> bool:
    """Unlink a subject, and a single remaining member with it; returns whether it was linked."""
    members = members_in(connection, subject_id)
    leaving = members if len(members) == 2 else (subject_id,)
    return connection.execute(_PEOPLE.delete().where(_PEOPLE.c.subject_id.in_(leaving))).rowcount > 0
