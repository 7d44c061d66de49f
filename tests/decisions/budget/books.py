"""What the store says of a campaign's money and frequencies, and whether its books agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.stores.sql.relational import reading, sql_table

_SPENDING, _DAYS = sql_table("campaign_spending"), sql_table("campaign_days")
_RESERVATIONS, _FREQUENCIES = sql_table("ad_reservations"), sql_table("ad_frequencies")


def money(engine: Engine) -> dict[str, tuple[int, int]]:
    """Campaign -> what is reserved and what is spent; the books must agree."""
    with reading(engine) as connection:
        rows = {row.campaign_id: row for row in connection.execute(sa.select(_SPENDING))}
        held, days = _held(connection), _days(connection)
    for campaign_id, row in rows.items():
        assert row.reserved_microusd == held[campaign_id] == days[campaign_id, "reserved"]
        assert row.spent_microusd == days[campaign_id, "spent"]
        assert row.reserved_microusd >= 0 <= row.spent_microusd
    return {campaign_id: (row.reserved_microusd, row.spent_microusd) for campaign_id, row in rows.items()}


def _held(connection: Connection) -> Counter[str]:
    query = sa.select(_RESERVATIONS).where(_RESERVATIONS.c.released_at.is_(None))
    held: Counter[str] = Counter()
    for row in connection.execute(query):
        held[row.campaign_id] += row.amount_microusd
    return held


def _days(connection: Connection) -> Counter[tuple[str, str]]:
    days: Counter[tuple[str, str]] = Counter()
    for row in connection.execute(sa.select(_DAYS)):
        days[row.campaign_id, "reserved"] += row.reserved_microusd
        days[row.campaign_id, "spent"] += row.spent_microusd
    return days


def used_by_day(engine: Engine, campaign_id: str) -> dict[Any, int]:
    """Day -> reserved and spent."""
    with reading(engine) as connection:
        rows = connection.execute(sa.select(_DAYS).where(_DAYS.c.campaign_id == campaign_id)).all()
    days: Counter[Any] = Counter()
    for row in rows:
        days[row.day] += row.reserved_microusd + row.spent_microusd
    return dict(days)


def frequencies(engine: Engine) -> Mapping[tuple[str, str], int]:
    """(subject, campaign) -> how often, on all days."""
    with reading(engine) as connection:
        rows = connection.execute(sa.select(_FREQUENCIES)).all()
    found: Counter[tuple[str, str]] = Counter()
    for row in rows:
        assert row.shown >= 0
        found[row.subject_id, row.campaign_id] += row.shown
    return found


def waiting(engine: Engine) -> set[str]:
    """Decisions for which something is held."""
    with reading(engine) as connection:
        query = sa.select(_RESERVATIONS.c.decision_id).where(_RESERVATIONS.c.released_at.is_(None))
        return set(connection.execute(query).scalars())
