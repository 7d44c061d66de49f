"""Differential-privacy budgets: monthly epsilon per tenant, and the answers it was spent on.

Costs are in thousandths of epsilon, so that sums are exact.
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
    """A tenant's budget in a month (`period`: YYYY-MM, UTC), in thousandths of epsilon."""

    period: str
    whole_milli: int
    spent_milli: int

    @property
    def left_milli(self) -> int:
        """The unspent remainder."""
        return max(0, self.whole_milli - self.spent_milli)

    def check(self, cost_milli: int) -> None:
        """Raises BudgetSpent."""
        if cost_milli > self.left_milli:
            raise BudgetSpent(
                f"this answer costs epsilon {cost_milli / _MILLI:g}; of {self.whole_milli / _MILLI:g} in {self.period} "
                f"there is {self.left_milli / _MILLI:g} left"
            )


def read_budget(engine: Engine, tenant: str, whole_milli: int, now: datetime) -> Budget:
    """Read a tenant's budget as of `now`. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return _budget(connection, tenant, whole_milli, now)


def released_answer(engine: Engine, tenant: str, digest: str) -> dict[str, Any] | None:
    """The stored answer to this question, if the tenant has one. Raises StoreUnavailable."""
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
    """Charge for an answer, store it, and return the answer to release.

    Concurrent callers cannot overspend; for the same question both get one answer, charged once.

    Parameters
    ----------
    digest: of the question and the data's version. answer: JSON-ready; secret until this returns.

    Raises
    ------
    BudgetSpent: nothing was spent. StoreUnavailable.
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
    """Serialise a tenant's spenders; SQLite has one writer anyway."""
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
