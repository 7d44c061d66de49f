"""Reservations of money and frequency, made for each decision until its impression arrives.

    reserve ──► impression in time ──► confirm: the reserved amount is spent
       │
       └──────► none within HELD ────► release: amount and frequency are given back

Each decision reserves in one transaction before it is answered, so reserved plus spent never exceeds a budget, whatever
the number of processes. If the process dies before its answer, the reservation expires.

Every transaction that changes a campaign's money or frequencies (here and in settlement.py) locks its row in
`campaign_spending` first, in order of campaign ids. This prevents deadlocks, and values read under the lock stay valid.

Neither database's commit waits for the disk: a process crash loses nothing, a crash of PostgreSQL up to 0.6 s of
reservations (three times its `wal_writer_delay`). An impression without a reservation is not billed, so nothing is
overspent even then.
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
from alphaads_pipelines.decisions.budget.pacing import COMMON, Line, Refused, Spending, has_budget, is_limited, pace
from alphaads_pipelines.stores.sql.fastpath.transaction import FastTransaction, fast_transaction
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.telemetry import RESERVATIONS

HELD: Final = timedelta(minutes=15)
"""Longer than a page is usually open before its ad is seen."""


class Reservations:
    """Reserves money and frequency. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def shown(self, subject_ids: Sequence[str], day: date) -> dict[str, int]:
        """Campaign -> impressions for one person's subjects on a UTC day. Raises StoreUnavailable."""
        found: Counter[str] = Counter()
        for each in subject_ids:  # usually one; more if linked
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
        """Reserve one ad; None if reserved, or nothing need be.

        Parameters
        ----------
        subject_id: None: no cap can be kept.
        subject_ids: the person's linked subjects, including `subject_id`.
        now: its UTC day is charged.

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
    """Rolls the transaction back."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.reason)
        self.refused = refused


class _Reservation(msgspec.Struct, frozen=True):
    """One ad's reservation, inside a transaction."""

    decision_id: str
    campaign: Campaign
    subject_id: str | None
    subject_ids: Sequence[str]
    segment: str | None
    now: datetime
    day: date

    @property
    def _day(self) -> dict[str, object]:
        """Selects the campaign's day."""
        return {"the_campaign_id": self.campaign.campaign_id, "the_day": self.day}

    @property
    def _campaign(self) -> dict[str, object]:
        """Columns of a new campaign row."""
        return {"campaign_id": self.campaign.campaign_id, "tenant": self.campaign.tenant}

    @property
    def _new(self) -> dict[str, object]:
        """Columns of a new row of the day."""
        return {**self._campaign, "day": self.day}

    @property
    def _amount(self) -> int:
        return self.campaign.cost_microusd if has_budget(self.campaign) else 0

    def reserve(self, connection: FastTransaction) -> None:
        """Raises _Refusal, to roll back."""
        is_counted = self.campaign.daily_cap is not None and self.subject_id is not None
        # The campaign's row first, which stays locked until the end.
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
        """Raises _Refusal beyond the cap, which includes this ad."""
        for each in self.subject_ids:  # usually one; more if linked
            if each != self.subject_id:
                shown += int(sql.SHOWN_OF.scalar(connection, **self._day, the_subject_id=each) or 0)
        if self.campaign.daily_cap is not None and shown > self.campaign.daily_cap:
            raise _Refusal(Refused("cap"))

    def _reserve_of_day(self, connection: FastTransaction, used: int, rows: Sequence[tuple[Any, ...]]) -> str:
        """Reserve the day's money; the line charged. Raises _Refusal."""
        lines = {name: Line(*line) for _, _, name, *line in rows if name is not None}
        answer = pace(self.campaign, Spending(self.day, used - self._amount, lines), self.segment, self.now)
        if isinstance(answer, Refused):
            raise _Refusal(answer)
        for segment, line in answer.lines.items():
            amount = self._amount if segment == answer.segment else 0
            taken = {"segment": segment, "reserved_microusd": amount, "spent_microusd": 0}
            credit = {"credit_microusd": line.credit, "credited_at": line.credited_at}
            sql.RESERVE_OF_DAY.queue(connection, **self._new, **taken, **credit)
        return answer.segment


def read_spending(engine: Engine, campaign_ids: Collection[str], day: date) -> dict[str, Spending]:
    """Spending of these campaigns, if any, with the lines of a UTC day. Raises StoreUnavailable."""
    used, lines = dict[str, int](), dict[str, dict[str, Line]]()
    for campaign_id, ever, segment, *line in sql.LINES_ON.read(engine, the_day=day):
        used[campaign_id] = ever
        lines.setdefault(campaign_id, {})[segment] = Line(*line)
    if rest := [each for each in campaign_ids if each not in used]:
        with reading(engine) as connection:
            used.update(connection.execute(sql.USED, {"campaign_ids": rest}).tuples().all())
    return {each: Spending(day, int(used[each]), lines.get(each, {})) for each in campaign_ids if each in used}
