"""Detects ad texts to write or moderate, cheaply enough for frequent polling."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.campaigns.campaign import ACTIVE
from alphaads_pipelines.campaigns.store import has_campaigns
from alphaads_pipelines.creatives.creative_rows import CREATIVES
from alphaads_pipelines.creatives.review import PENDING
from alphaads_pipelines.stores.sql.relational import reading, sql_table

_CAMPAIGNS = sql_table("campaigns")
FIRST = "first"
"""The token before any campaign, when samples may be seeded."""


def pending_work_token(engine: Engine, *, with_samples: bool) -> str | None:
    """Return a token of active campaigns' edits and texts pending moderation; None without work.

    Raises
    ------
    StoreUnavailable.
    """
    with reading(engine) as connection:
        if not has_campaigns(connection):
            return FIRST if with_samples else None
        edits = _newest(connection, _CAMPAIGNS, _CAMPAIGNS.c.updated_at, _CAMPAIGNS.c.state == ACTIVE)
        waiting = CREATIVES.c.is_current & (CREATIVES.c.state == PENDING)
        submitted = _newest(connection, CREATIVES, CREATIVES.c.changed_at, waiting)
    return None if edits == submitted == "0" else f"{edits}.{submitted}"


def _newest(connection: Connection, table: sa.Table, at: sa.Column[object], condition: sa.ColumnElement[bool]) -> str:
    """Row count and newest change."""
    number, newest = connection.execute(sa.select(sa.func.count(), sa.func.max(at)).where(condition)).one()
    return f"{number}-{int(newest.timestamp() * 1e6)}" if number else "0"
