"""Links: subjects of several networks that are one person.

Belongs here: rows of `people`. Does not: whether a link is allowed (permissions.py), nor anybody's consent.
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
    """Selects the subjects of a subject's person, with itself; only itself where it is not linked."""
    own = sa.select(_PEOPLE.c.person_id).where(_PEOPLE.c.subject_id == subject_id).scalar_subquery()
    linked = sa.select(_PEOPLE.c.subject_id).where(_PEOPLE.c.person_id == own)
    return sa.union(sa.select(sa.cast(subject_id, sa.Text).label("subject_id")), linked)


def members_in(connection: Connection, subject_id: str) -> tuple[str, ...]:
    """The subjects of the same person, in order, this one included."""
    return tuple(sorted(connection.execute(members_of(sa.literal(subject_id))).scalars()))


def linked_to(connection: Connection, subject_id: str) -> list[str]:
    """The other subjects of the same person, in order."""
    return [each for each in members_in(connection, subject_id) if each != subject_id]


def join_in(connection: Connection, subject_ids: Sequence[str], now: datetime) -> tuple[str, ...]:
    """Make the subjects, and all who are linked to one of them, one person; its subjects, in order."""
    rows = select_in(connection, "people", "subject_id", subject_ids, ["person_id"])
    joined = {row.person_id for row in rows}
    others = select_in(connection, "people", "person_id", joined, ["subject_id"])
    members = sorted({*subject_ids, *(row.subject_id for row in others)})
    person = uuid.uuid4().hex
    upsert(connection, "people", [{"subject_id": each, "person_id": person, "linked_at": now} for each in members])
    return tuple(members)


def leave_in(connection: Connection, subject_id: str) -> bool:
    """Take a subject out of its person; whether it was linked. Who would be left alone is linked to nobody either."""
    members = members_in(connection, subject_id)
    leaving = members if len(members) == 2 else (subject_id,)
    return connection.execute(_PEOPLE.delete().where(_PEOPLE.c.subject_id.in_(leaving))).rowcount > 0
