"""Reservations: money and frequency, held in the store for each decision until its impression is heard of.

    reserve ──► impression heard in time ──► confirm: what was reserved is spent
       │
       └──────► nothing heard for HELD ────► release: money and frequency are given back

A decision holds what it needs in one transaction before it is answered, so any number of processes cannot overspend:
reserved and spent together never exceed a budget at the moment when something is added. A process that dies between
this and its answer leaves a reservation that times out.

Everything that changes a campaign's money or frequencies (here and in settlement.py) locks its row in
`campaign_spending` first, campaigns in the order of their ids, and touches its other rows after that: so two
transactions never wait for each other in a circle, and what was read under the row is still so when it is written.

On PostgreSQL a decision does not wait until its reservation is on the disk, as it does not on SQLite: a crash of the
process loses nothing, one of the database server may forget what was held in the last 0.6 s (three times its
`wal_writer_delay`). An ad that nothing is held for is not billed when it is seen, so nothing is overspent even then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.decisions.budget import reservation_statements as sql
from alphaads_pipelines.decisions.budget.pacing import COMMON, Line, Refused, Spending, ask, has_budget, is_limited
from alphaads_pipelines.stores.sql.fastpath import FastTransaction, fast_transaction
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.telemetry import RESERVATIONS

HELD: Final = timedelta(minutes=15)
"""How long money waits for the news of an impression: longer than a page is open before its ad is seen, as a rule."""


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
        found: Counter[str] = Counter()
        for each in subject_ids:  # one, but for who is linked
            rows = sql.SHOWN.read(self._engine, the_subject_id=each)
            found.update({campaign_id: shown for campaign_id, on, shown in rows if on == day})
        return found

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
        StoreUnavailable: nothing is reserved; the ad must not be shown. WouldBlock: see `fast_transaction`.
        """
        if not is_limited(campaign, is_known=subject_id is not None):
            return None
        day = now.astimezone(UTC).date()
        reservation, refused = _Reservation(decision_id, campaign, subject_id, subject_ids, segment, now, day), None
        try:
            with fast_transaction(self._engine, durable=False) as connection:
                reservation.reserve(connection)
        except _Refusal as back:
            refused = back.refused
        RESERVATIONS.labels("held" if refused is None else refused.reason).inc()
        return refused


class _Refusal(Exception):
    """Why everything that was taken so far is to be given back."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


class _Reservation(msgspec.Struct, frozen=True):
    """What is to be held, inside one transaction."""

    decision_id: str
    campaign: Campaign
    subject_id: str | None
    subject_ids: Sequence[str]
    segment: str | None
    now: datetime
    day: date

    @property
    def _day(self) -> dict[str, object]:
        """Chooses the campaign's day."""
        return {"the_campaign_id": self.campaign.campaign_id, "the_day": self.day}

    @property
    def _campaign(self) -> dict[str, object]:
        """What a new row of the campaign begins with."""
        return {"campaign_id": self.campaign.campaign_id, "tenant": self.campaign.tenant}

    @property
    def _new(self) -> dict[str, object]:
        """What a new row of its day begins with."""
        return {**self._campaign, "day": self.day}

    @property
    def _amount(self) -> int:
        return self.campaign.cost_microusd if has_budget(self.campaign) else 0

    def reserve(self, connection: FastTransaction) -> None:
        """Take everything. Raises _Refusal, to end the transaction with nothing taken."""
        is_counted = self.campaign.daily_cap is not None and self.subject_id is not None
        # First the campaign's row, which is held until the end of the transaction.
        sql.RESERVE.queue(connection, **self._campaign, reserved_microusd=self._amount, spent_microusd=0)
        if is_counted:
            sql.COUNT_IMPRESSION.queue(connection, **self._new, subject_id=self.subject_id, shown=1)
        rows = sql.READ_STATE.run(connection, **self._day, the_subject_id=self.subject_id)
        used, shown = rows[0][:2]
        if is_counted:
            self._check_cap(connection, shown)
        segment = self._reserve_of_day(connection, used, rows) if has_budget(self.campaign) else COMMON
        held = {
            "decision_id": self.decision_id,
            "subject_id": self.subject_id,
            "segment": segment,
            "amount_microusd": self._amount,
            "is_counted": is_counted,
            "expires_at": self.now + HELD,
            "released_at": None,
        }
        sql.ADD_RESERVATION.queue(connection, **self._new, **held)

    def _check_cap(self, connection: FastTransaction, shown: int) -> None:
        """Raises _Refusal beyond the cap, which counts this ad."""
        for each in self.subject_ids:  # one, but for who is linked
            if each != self.subject_id:
                shown += int(sql.SHOWN_OF.scalar(connection, **self._day, the_subject_id=each) or 0)
        if self.campaign.daily_cap is not None and shown > self.campaign.daily_cap:
            raise _Refusal(Refused("cap"))

    def _reserve_of_day(self, connection: FastTransaction, used: int, rows: Sequence[tuple[Any, ...]]) -> str:
        """Take the money of the day; the line that it counts in. Raises _Refusal."""
        lines = {name: Line(*line) for _, _, name, *line in rows if name is not None}
        answer = ask(self.campaign, Spending(self.day, used - self._amount, lines), self.segment, self.now)
        if isinstance(answer, Refused):
            raise _Refusal(answer)
        for segment, line in answer.lines.items():
            amount = self._amount if segment == answer.segment else 0
            taken = {"segment": segment, "reserved_microusd": amount, "spent_microusd": 0}
            credit = {"credit_microusd": line.credit, "credited_at": line.credited_at}
            sql.RESERVE_OF_DAY.queue(connection, **self._new, **taken, **credit)
        return answer.segment


def read_spending(engine: Engine, campaign_ids: Collection[str], day: date) -> dict[str, Spending]:
    """What these campaigns used, those that used anything, with the lines of a UTC day. Raises StoreUnavailable."""
    used, lines = dict[str, int](), dict[str, dict[str, Line]]()
    for campaign_id, ever, segment, *line in sql.LINES_ON.read(engine, the_day=day):
        used[campaign_id] = ever
        lines.setdefault(campaign_id, {})[segment] = Line(*line)
    if rest := [each for each in campaign_ids if each not in used]:
        with reading(engine) as connection:
            used.update(connection.execute(sql.USED, {"campaign_ids": rest}).tuples().all())
    return {each: Spending(day, int(used[each]), lines.get(each, {})) for each in campaign_ids if each in used}
