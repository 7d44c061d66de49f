"""Released groups: append-only rows, and the day up to which each subject is in them.

Belongs here: reads and writes. Does not: building groups (analytics/release.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from alphaads_pipelines.stores.sql.relational import sql_table, upsert

_GROUPS, _UNTIL, _PROFILES = sql_table("released_groups"), sql_table("released_until"), sql_table("live_profiles")
_CHUNK_ROWS = 2_000


def add_groups(connection: Connection, groups: Sequence[Mapping[str, Any]], release_seq: int, now: datetime) -> None:
    """Insert the groups of one release."""
    if groups:
        rows = [{**group, "release_seq": release_seq, "released_at": now} for group in groups]
        connection.execute(_GROUPS.insert(), rows)


def all_groups(connection: Connection) -> list[dict[str, Any]]:
    """Read every group ever released."""
    return [dict(row._mapping) for row in connection.execute(sa.select(_GROUPS).order_by(_GROUPS.c.group_id))]


def note_released(connection: Connection, subject_ids: Iterable[str], until_day: date) -> None:
    """Store the day up to which these subjects are in released groups."""
    upsert(connection, "released_until", [{"subject_id": each, "until_day": until_day} for each in subject_ids])


def released_until(connection: Connection) -> dict[str, date]:
    """Subject id -> the day after the last one in released groups."""
    return dict(connection.execute(sa.select(_UNTIL.c.subject_id, _UNTIL.c.until_day)).tuples().all())


def live_states(connection: Connection, without: set[str]) -> Iterator[tuple[str, bytes]]:
    """Stream the published states of all subjects but `without`."""
    chosen = sa.select(_PROFILES.c.subject_id, _PROFILES.c.state).execution_options(yield_per=_CHUNK_ROWS)
    for row in connection.execute(chosen):
        if row.subject_id not in without:
            yield row.subject_id, bytes(row.state)


def linked_persons(connection: Connection) -> dict[str, str]:
    """Subject id -> person id, of all linked subjects."""
    people = sql_table("people")
    return dict(connection.execute(sa.select(people.c.subject_id, people.c.person_id)).tuples().all())
