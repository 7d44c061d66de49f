"""Stored decisions with the times of their events, and events that arrived before their decision.

Belongs here: reads and writes of `ad_decisions` and `early_events`. Does not: rewards (bandits/reward_join.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from alphaads_pipelines.stores.sql.relational import insert_ignore, select_in, sql_table, upsert

KINDS = ("impression", "click", "conversion")
"""Kinds of events; each has a column for its first occurrence."""

EventTimes = Mapping[str, datetime]
"""Kind -> first occurrence."""

_COLUMNS = ("decision_id", "subject_id", "arm_id", "context", "decided_at", *(f"{kind}_at" for kind in KINDS))
_CHUNK = 900


def read_decisions(connection: Connection, decision_ids: Iterable[str]) -> list[Row[Any]]:
    """Read `_COLUMNS` of the decisions that are stored."""
    return select_in(connection, "ad_decisions", "decision_id", decision_ids, _COLUMNS)


def event_times(row: Row[Any]) -> dict[str, datetime]:
    """The event times of a stored decision."""
    return {kind: at for kind in KINDS if (at := getattr(row, f"{kind}_at")) is not None}


def add_decisions(connection: Connection, rows: Sequence[Mapping[str, Any]], heard: Mapping[str, EventTimes]) -> None:
    """Insert new decisions, `rows`, with the times of their events."""
    told = [{**row, **_times(heard.get(row["decision_id"], {}))} for row in rows]
    insert_ignore(connection, "ad_decisions", told)


def update_event_times(connection: Connection, heard: Mapping[str, EventTimes]) -> None:
    """Replace the event times of stored decisions; missing ones are ignored."""
    if not heard:
        return
    table = sql_table("ad_decisions")
    values: dict[str, Any] = {f"{kind}_at": sa.bindparam(f"new_{kind}_at") for kind in KINDS}
    statement = table.update().where(table.c.decision_id == sa.bindparam("key")).values(values)
    rows = [
        {"key": key, **{f"new_{name}": at for name, at in _times(times).items()}}
        for key, times in sorted(heard.items())
    ]
    connection.execute(statement, rows)


def _times(heard: EventTimes) -> dict[str, datetime | None]:
    return {f"{kind}_at": heard.get(kind) for kind in KINDS}


def read_early(connection: Connection, decision_ids: Iterable[str]) -> dict[str, dict[str, datetime]]:
    """Read early events: decision -> kind -> first occurrence."""
    found: dict[str, dict[str, datetime]] = {}
    for row in select_in(connection, "early_events", "decision_id", decision_ids):
        found.setdefault(row.decision_id, {})[row.kind] = row.occurred_at
    return found


def keep_early(connection: Connection, heard: Mapping[str, EventTimes], now: datetime) -> None:
    """Store early events; a stored one takes the new time."""
    rows = [
        {"decision_id": key, "kind": kind, "occurred_at": at, "seen_at": now}
        for key, times in heard.items()
        for kind, at in times.items()
    ]
    upsert(connection, "early_events", rows)


def drop_early(connection: Connection, decision_ids: Iterable[str]) -> None:
    """Delete the early events of these decisions."""
    table, ids = sql_table("early_events"), sorted(set(decision_ids))
    for start in range(0, len(ids), _CHUNK):
        connection.execute(table.delete().where(table.c.decision_id.in_(ids[start : start + _CHUNK])))


def forget(connection: Connection, *, decided_before: datetime, early_before: datetime) -> tuple[int, int]:
    """Delete decisions and early events older than a time; the number of each."""
    decisions, early = sql_table("ad_decisions"), sql_table("early_events")
    old = connection.execute(decisions.delete().where(decisions.c.decided_at < decided_before)).rowcount
    lost = connection.execute(early.delete().where(early.c.seen_at < early_before)).rowcount
    return int(old), int(lost)
