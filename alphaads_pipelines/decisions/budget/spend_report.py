"""The spend report of a campaign, in total and by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import Engine, Row

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.decisions.budget.pacing import COMMON, day_of
from alphaads_pipelines.stores.sql.relational import reading, sql_table

MOST_DAYS: Final = 366

_SPENDING, _DAYS = sql_table("campaign_spending"), sql_table("campaign_days")


class Spend(msgspec.Struct, frozen=True):
    """Money in millionths of a US dollar; reserved: without an impression so far."""

    reserved_microusd: int = 0
    spent_microusd: int = 0

    @property
    def used(self) -> int:
        """Reserved plus spent, as budgets count."""
        return self.reserved_microusd + self.spent_microusd


class SpendOfDay(msgspec.Struct, frozen=True):
    """A UTC day's spend; `segments`: those with a floor."""

    day: date
    total: Spend
    segments: dict[str, Spend]


class SpendReport(msgspec.Struct, frozen=True):
    """A campaign's spend.

    Attributes
    ----------
    total: while it had a budget. left_microusd: None without a budget.
    today_budget_microusd, today_left_microusd: as paced for this UTC day; None without pacing.
    days: with any spend, the newest first.
    """

    campaign_id: str
    total: Spend
    left_microusd: int | None
    today_budget_microusd: int | None
    today_left_microusd: int | None
    days: list[SpendOfDay]


def read_spend(engine: Engine, campaign: Campaign, now: datetime, days: int = 31) -> SpendReport:
    """Read the report of the last `days` UTC days, at most MOST_DAYS, including today. Raises StoreUnavailable."""
    today = now.astimezone(UTC).date()
    since = today - timedelta(days=min(days, MOST_DAYS) - 1)
    the_days = sa.select(_DAYS).where(_DAYS.c.campaign_id == campaign.campaign_id, _DAYS.c.day >= since)
    ever = sa.select(_SPENDING).where(_SPENDING.c.campaign_id == campaign.campaign_id)
    with reading(engine) as connection:  # one snapshot, so that the days add up
        row = connection.execute(ever).one_or_none()
        rows = connection.execute(the_days.order_by(_DAYS.c.day.desc(), _DAYS.c.segment)).all()
    return _report(campaign, _spend([row] if row else []), _by_day(rows), now)


def _report(campaign: Campaign, total: Spend, days: list[SpendOfDay], now: datetime) -> SpendReport:
    of_today = next((each.total for each in days if each.day == now.astimezone(UTC).date()), Spend())
    plan = day_of(campaign, total.used - of_today.used, now)
    budget = plan.budget if plan is not None and plan.begin < plan.end else None
    return SpendReport(
        campaign_id=campaign.campaign_id,
        total=total,
        left_microusd=_left(campaign.budget_microusd, total),
        today_budget_microusd=budget,
        today_left_microusd=_left(budget, of_today),
        days=days,
    )


def _left(budget: int | None, spend: Spend) -> int | None:
    """The remainder; zero if the budget was lowered below its use."""
    return None if budget is None else max(0, budget - spend.used)


def _by_day(rows: Sequence[Row[Any]]) -> list[SpendOfDay]:
    of_days: dict[date, list[Row[Any]]] = {}
    for row in rows:
        of_days.setdefault(row.day, []).append(row)
    return [
        SpendOfDay(day, _spend(lines), {line.segment: _spend([line]) for line in lines if line.segment != COMMON})
        for day, lines in of_days.items()
    ]


def _spend(rows: Sequence[Row[Any]]) -> Spend:
    return Spend(sum(each.reserved_microusd for each in rows), sum(each.spent_microusd for each in rows))
