"""Reconciliation of campaigns' money: do the records agree, and is any campaign over budget?

Each transaction records money per campaign, per day and segment, and per reservation; a difference means a missed
write. A campaign can exceed its budget only if that was lowered later.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from alphaads_pipelines.stores.sql.relational import sql_table

_SPENDING, _DAYS = sql_table("campaign_spending"), sql_table("campaign_days")
_RESERVATIONS, _CAMPAIGNS = sql_table("ad_reservations"), sql_table("campaigns")


class Reconciliation(NamedTuple):
    """Sorted campaign ids: `mismatched` records, and `overspent` total or daily budgets."""

    mismatched: list[str]
    overspent: list[str]


def reconcile(connection: Connection, day: date) -> Reconciliation:
    """Compare the records, and the daily budgets of `day`, in a transaction on one snapshot (`reading`)."""
    return Reconciliation(
        sorted(connection.execute(_mismatched()).scalars()), sorted({*connection.execute(_overspent(day)).scalars()})
    )


def _mismatched() -> sa.Select[tuple[str]]:
    days = (
        sa.select(
            _DAYS.c.campaign_id,
            sa.func.sum(_DAYS.c.reserved_microusd).label("reserved"),
            sa.func.sum(_DAYS.c.spent_microusd).label("spent"),
        )
        .group_by(_DAYS.c.campaign_id)
        .subquery("days")
    )
    held = (
        sa.select(_RESERVATIONS.c.campaign_id, sa.func.sum(_RESERVATIONS.c.amount_microusd).label("held"))
        .where(_RESERVATIONS.c.released_at.is_(None))
        .group_by(_RESERVATIONS.c.campaign_id)
        .subquery("held")
    )
    beside = _SPENDING.outerjoin(days, days.c.campaign_id == _SPENDING.c.campaign_id)
    return (
        sa.select(_SPENDING.c.campaign_id)
        .select_from(beside.outerjoin(held, held.c.campaign_id == _SPENDING.c.campaign_id))
        .where(
            (_SPENDING.c.reserved_microusd != sa.func.coalesce(days.c.reserved, 0))
            | (_SPENDING.c.spent_microusd != sa.func.coalesce(days.c.spent, 0))
            | (_SPENDING.c.reserved_microusd != sa.func.coalesce(held.c.held, 0))
            | (_SPENDING.c.reserved_microusd < 0)
        )
    )


def _overspent(day: date) -> sa.CompoundSelect[tuple[str]]:
    used = _SPENDING.c.reserved_microusd + _SPENDING.c.spent_microusd
    of_day = sa.func.sum(_DAYS.c.reserved_microusd + _DAYS.c.spent_microusd)
    whole = (
        sa.select(_CAMPAIGNS.c.campaign_id)
        .join(_SPENDING, _SPENDING.c.campaign_id == _CAMPAIGNS.c.campaign_id)
        .where(used > _CAMPAIGNS.c.budget_microusd)
    )
    daily = (
        sa.select(_CAMPAIGNS.c.campaign_id)
        .join(_DAYS, (_DAYS.c.campaign_id == _CAMPAIGNS.c.campaign_id) & (_DAYS.c.day == day))
        .group_by(_CAMPAIGNS.c.campaign_id, _CAMPAIGNS.c.daily_budget_microusd)
        .having(of_day > _CAMPAIGNS.c.daily_budget_microusd)
    )
    return sa.union(whole, daily)
