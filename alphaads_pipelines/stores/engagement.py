"""Stored engagement: hourly counts per subject, and ads known by one half only.

Belongs here: reads and writes of `ad_engagement` and `open_ads`. Does not: counting rules (profiles/engagement.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.stores.sql.relational import reading, select_in, sql_table, upsert

_COUNTS = ("impressions", "clicks", "conversions")
_NOTHING = (0, 0, 0)


def read_engagement(engine: Engine, *subject_ids: str) -> dict[int, list[int]]:
    """Hour since the epoch -> [impressions, clicks, conversions], summed over subjects. Raises StoreUnavailable."""
    with reading(engine) as connection:
        rows = select_in(connection, "ad_engagement", "subject_id", subject_ids)
    hours: dict[int, list[int]] = {}
    for row in rows:
        hours[row.hour] = _sum(hours.get(row.hour, _NOTHING), _counts(row))
    return hours


def add_engagement(connection: Connection, changes: Mapping[tuple[str, int], Sequence[int]], change_seq: int) -> None:
    """Add to hourly counts; an hour whose counts become zero is deleted."""
    subjects = {subject for subject, _ in changes}
    rows = select_in(connection, "ad_engagement", "subject_id", subjects)
    held = {(row.subject_id, row.hour): _counts(row) for row in rows}
    summed = {key: _sum(held.get(key, _NOTHING), counts) for key, counts in changes.items()}
    upsert(connection, "ad_engagement", [_hour(*key, change_seq, each) for key, each in summed.items() if any(each)])
    table = sql_table("ad_engagement")
    for subject, hour in (key for key, each in summed.items() if not any(each) and key in held):
        connection.execute(table.delete().where(table.c.subject_id == subject, table.c.hour == hour))


def _counts(row: Row[Any]) -> list[int]:
    return [row.impressions, row.clicks, row.conversions]


def _sum(one: Sequence[int], other: Sequence[int]) -> list[int]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _hour(subject_id: str, hour: int, change_seq: int, counts: Sequence[int]) -> dict[str, Any]:
    named = dict(zip(_COUNTS, counts, strict=True))
    return {"subject_id": subject_id, "hour": hour, "change_seq": change_seq, **named}


def read_open_ads(connection: Connection, decision_ids: Iterable[str]) -> list[Row[Any]]:
    """Read the `open_ads` of these decisions."""
    return select_in(connection, "open_ads", "decision_id", decision_ids)


def write_open_ads(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Upsert whole rows of `open_ads`."""
    upsert(connection, "open_ads", rows)


def forget_open_ads(connection: Connection, before: datetime) -> int:
    """Delete ads whose first half was seen before a time; the number deleted."""
    table = sql_table("open_ads")
    return int(connection.execute(table.delete().where(table.c.seen_at < before)).rowcount)
