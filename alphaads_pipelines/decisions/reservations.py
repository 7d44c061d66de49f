"""Reservations: money and frequency, held in the store for each decision until its impression is heard of.

    reserve ──► impression heard in time ──► confirm: what was reserved is spent
       │
       └──────► nothing heard for HELD ────► release: money and frequency are given back

A decision holds what it needs in one transaction before it is answered, so any number of processes cannot overspend:
reserved and spent together never exceed a budget at the moment when something is added. A process that dies between
this and its answer leaves a reservation that times out. An impression that comes after its release is not billed; its
row is kept for a day, so that it can be counted.

Everything that moves a campaign's money or frequencies holds its row in `campaign_spending` first, campaigns in the
order of their ids, and touches its other rows after that: so two transactions never wait for each other in a circle.
The deletion of a reservation, or its mark, is what makes a confirmation and a release happen once.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Engine

from alphaads_pipelines.creatives.campaign import Campaign
from alphaads_pipelines.decisions.eligibility import is_limited
from alphaads_pipelines.decisions.pacing import COMMON, Grant, Line, Refused, Spending, ask, has_budget
from alphaads_pipelines.decisions.reservation_sql import (
    COUNT,
    HOLD,
    LINES_OF,
    LINES_ON,
    NOTE,
    SHOWN,
    SHOWN_OF,
    TAKE,
    TAKE_OF_DAY,
)
from alphaads_pipelines.stores.relational import insert_ignore, reading, select_in, transaction
from alphaads_pipelines.telemetry import RESERVATIONS

HELD: Final = timedelta(minutes=15)
"""How long money waits for the news of an impression: longer than a page is open before its ad is seen, as a rule."""

_SPENDING = "campaign_spending"


class Reservations:
    """What decisions hold. Thread-safe.

    Parameters
    ----------
    engine: the relational store.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def shown(self, subject_ids: Sequence[str], day: date) -> dict[str, int]:
        """Campaign -> how often it was shown to these subjects, one person, on a UTC day. Raises StoreUnavailable."""
        if not subject_ids:
            return {}
        with reading(self._engine) as connection:
            rows = connection.execute(SHOWN, {"subject_ids": list(subject_ids), "day": day})
            return {campaign_id: int(shown) for campaign_id, shown in rows}

    def reserve(
        self,
        decision_id: str,
        campaign: Campaign,
        subject_id: str | None,
        subject_ids: Sequence[str],
        segment: str | None,
        now: datetime,
    ) -> Refused | None:
        """Hold what showing one ad takes; None when it is held, or nothing need be.

        Parameters
        ----------
        subject_id: whom the decision is recorded for; None where it names nobody: then no cap can be kept.
        subject_ids: all subjects of that person that may be used together, `subject_id` among them.
        segment: their behavioural segment, if it may be used.
        now: time of the decision; its UTC day is the one that is charged.

        Raises
        ------
        StoreUnavailable: nothing is held; an ad of this campaign must not be shown.
        """
        if not is_limited(campaign, is_known=subject_id is not None):
            return None
        with transaction(self._engine) as connection:
            answer = _reserve(connection, decision_id, campaign, subject_id, subject_ids, segment, now)
        RESERVATIONS.labels("held" if answer is None else answer.reason).inc()
        return answer


def _reserve(
    connection: Connection,
    decision_id: str,
    campaign: Campaign,
    subject_id: str | None,
    subject_ids: Sequence[str],
    segment: str | None,
    now: datetime,
) -> Refused | None:
    day = now.astimezone(UTC).date()
    used = _held(connection, campaign)
    is_counted = campaign.daily_cap is not None and subject_id is not None
    if is_counted and _shown_to(connection, campaign, subject_ids, day) >= (campaign.daily_cap or 0):
        return Refused("cap")
    grant = Grant(COMMON, {})
    if has_budget(campaign):
        answer = ask(campaign, Spending(day, used, _lines(connection, campaign, day)), segment, now)
        if isinstance(answer, Refused):
            return answer
        grant = answer
        _take(connection, campaign, grant, day)
    if is_counted:
        counted = {"subject_id": subject_id, "campaign_id": campaign.campaign_id, "day": day, "tenant": campaign.tenant}
        connection.execute(COUNT[connection.dialect.name], {**counted, "shown": 1})
    row = {
        "decision_id": decision_id,
        "subject_id": subject_id,
        "tenant": campaign.tenant,
        "campaign_id": campaign.campaign_id,
        "day": day,
        "segment": grant.segment,
        "amount_microusd": campaign.cost_microusd if has_budget(campaign) else 0,
        "is_counted": is_counted,
        "expires_at": now + HELD,
    }
    connection.execute(NOTE, row)
    return None


def _held(connection: Connection, campaign: Campaign) -> int:
    """Hold the campaign's row until the end of the transaction; what it used ever."""
    asked = {"campaign_id": campaign.campaign_id}
    used = connection.execute(HOLD, asked).scalar()
    if used is None:
        row = {**asked, "tenant": campaign.tenant, "reserved_microusd": 0, "spent_microusd": 0}
        insert_ignore(connection, _SPENDING, [row])
        used = connection.execute(HOLD, asked).scalar_one()
    return int(used)


def _shown_to(connection: Connection, campaign: Campaign, subject_ids: Sequence[str], day: date) -> int:
    asked = {"subject_ids": list(subject_ids), "campaign_id": campaign.campaign_id, "day": day}
    return int(connection.execute(SHOWN_OF, asked).scalar_one())


def _lines(connection: Connection, campaign: Campaign, day: date) -> dict[str, Line]:
    rows = connection.execute(LINES_OF, {"campaign_id": campaign.campaign_id, "day": day})
    return {segment: Line(*line) for segment, *line in rows}


def _take(connection: Connection, campaign: Campaign, grant: Grant, day: date) -> None:
    cost = campaign.cost_microusd
    connection.execute(TAKE, {"held_campaign_id": campaign.campaign_id, "amount": cost})
    rows = [
        {
            "campaign_id": campaign.campaign_id,
            "day": day,
            "segment": segment,
            "tenant": campaign.tenant,
            "reserved_microusd": cost if segment == grant.segment else 0,
            "spent_microusd": 0,
            "credit_microusd": line.credit,
            "credited_at": line.credited_at,
        }
        for segment, line in grant.lines.items()
    ]
    connection.execute(TAKE_OF_DAY[connection.dialect.name], rows)


def read_spending(connection: Connection, campaign_ids: Collection[str], day: date) -> dict[str, Spending]:
    """What these campaigns used, those that used anything, with the lines of a UTC day."""
    rows = select_in(connection, _SPENDING, "campaign_id", campaign_ids)
    lines: dict[str, dict[str, Line]] = {}
    for campaign_id, segment, *line in connection.execute(LINES_ON, {"day": day}):
        lines.setdefault(campaign_id, {})[segment] = Line(*line)
    return {
        row.campaign_id: Spending(day, row.reserved_microusd + row.spent_microusd, lines.get(row.campaign_id, {}))
        for row in rows
    }
