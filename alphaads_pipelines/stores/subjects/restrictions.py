"""Restrictions (GDPR article 18): data that is kept but not used.

Posts are still ingested, scored and folded, for a complete profile afterwards and identical replays; decisions,
profiles, aggregates and training exclude the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.stores.sql.relational import select_in, sql_table, transaction, upsert

RESTRICTION_REASONS = ("accuracy", "unlawful", "claims", "objection")
"""The cases of article 18(1), in order."""

_RESTRICTIONS = sql_table("restrictions")


def restrict(engine: Engine, subject_id: str, reason: str, now: datetime) -> None:
    """Stop all use of a subject's data from the next decision on. Raises InvalidRequest, StoreUnavailable."""
    if reason not in RESTRICTION_REASONS:
        raise InvalidRequest(f"reason: must be one of {', '.join(RESTRICTION_REASONS)}")
    with transaction(engine) as connection:
        upsert(connection, "restrictions", [{"subject_id": subject_id, "reason": reason, "restricted_at": now}])


def lift_restriction(engine: Engine, subject_id: str) -> bool:
    """Lift a restriction; returns whether there was one. Raises StoreUnavailable."""
    with transaction(engine) as connection:
        gone = connection.execute(_RESTRICTIONS.delete().where(_RESTRICTIONS.c.subject_id == subject_id))
        return gone.rowcount > 0


def restricted_in(connection: Connection, subject_ids: Iterable[str]) -> set[str]:
    """Filter to restricted subjects."""
    return {row.subject_id for row in select_in(connection, "restrictions", "subject_id", subject_ids, ["subject_id"])}


def all_restricted_in(connection: Connection) -> set[str]:
    """Every restricted subject."""
    return set(connection.execute(sa.select(_RESTRICTIONS.c.subject_id)).scalars())
