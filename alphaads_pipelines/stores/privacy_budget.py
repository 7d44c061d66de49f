"""The privacy budget: what noisy answers cost a tenant in a month, and the answers that were released for it.

Costs are counted in thousandths of epsilon, so that sums are exact.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import BudgetSpent
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction

_SPENDINGS = sql_table("privacy_spendings")
_MILLI = 1000
_BUDGET_LOCK = 7_305_418


@dataclass(frozen=True, slots=True)
class Budget:
    """A tenant's budget in a month; epsilon in thousandths. period: YYYY-MM, UTC."""

    period: str
    whole_milli: int
    spent_milli: int

    @property
    def left_milli(self) -> int:
        """What may still be spent."""
        return max(0, self.whole_milli - self.spent_milli)

    def check(self, cost_milli: int) -> None:
        """Raises BudgetSpent."""
        if cost_milli > self.left_milli:
            raise BudgetSpent(
                f"this answer costs epsilon {cost_milli / _MILLI:g}; of {self.whole_milli / _MILLI:g} in {self.period} "
                f"there is {self.left_milli / _MILLI:g} left"
            )


def read_budget(engine: Engine, tenant: str, whole_milli: int, now: datetime) -> Budget:
    """What a tenant has left now. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return _budget(connection, tenant, whole_milli, now)


def released_answer(engine: Engine, tenant: str, digest: str) -> dict[str, Any] | None:
    """What the tenant got for this question already. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return _released(connection, tenant, digest)


def spend(
    engine: Engine,
    tenant: str,
    digest: str,
    answer: Mapping[str, Any],
    *,
    cost_milli: int,
    whole_milli: int,
    now: datetime,
) -> dict[str, Any]:
    """Account for an answer and keep it; the answer that may be handed out.

    Of two that race for the last of a budget one is refused; of two that ask the same, both get one answer, for the
    cost of one.

    Parameters
    ----------
    digest: of the question and the version of the data. answer: JSON-ready; not to be shown before this returns.

    Raises
    ------
    BudgetSpent: it would cost more than is left; nothing was spent. StoreUnavailable.
    """
    with transaction(engine) as connection:
        _lock(connection, tenant)
        if (known := _released(connection, tenant, digest)) is not None:
            return known
        budget = _budget(connection, tenant, whole_milli, now)
        budget.check(cost_milli)
        row = {"tenant": tenant, "period": budget.period, "query_digest": digest, "epsilon": cost_milli / _MILLI}
        connection.execute(_SPENDINGS.insert().values(**row, answer=dict(answer), spent_at=now))
    return dict(answer)


def _lock(connection: Connection, tenant: str) -> None:
    """One spender of a tenant at a time; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        key = zlib.crc32(tenant.encode()) - 2**31
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_BUDGET_LOCK, key)))


def _released(connection: Connection, tenant: str, digest: str) -> dict[str, Any] | None:
    chosen = sa.select(_SPENDINGS.c.answer).where(_SPENDINGS.c.tenant == tenant, _SPENDINGS.c.query_digest == digest)
    answer = connection.execute(chosen).scalar()
    return None if answer is None else dict(answer)


def _budget(connection: Connection, tenant: str, whole_milli: int, now: datetime) -> Budget:
    period = now.astimezone(UTC).strftime("%Y-%m")
    chosen = sa.select(_SPENDINGS.c.epsilon).where(_SPENDINGS.c.tenant == tenant, _SPENDINGS.c.period == period)
    spent = sum(round(each * _MILLI) for each in connection.execute(chosen).scalars())
    return Budget(period, whole_milli, spent)
