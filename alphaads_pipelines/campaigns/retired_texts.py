"""Retires stale texts of a campaign."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy import Connection

from alphaads_pipelines.stores.sql.relational import sql_table

_CREATIVES = sql_table("creatives")


def retire_texts(connection: Connection, campaign_id: str, emotions: Collection[str] | None = None) -> None:
    """Stop serving a campaign's texts for some emotions, or all."""
    old = sa.update(_CREATIVES).where(_CREATIVES.c.campaign_id == campaign_id, _CREATIVES.c.is_current)
    if emotions is not None:
        old = old.where(_CREATIVES.c.emotion.in_(emotions))
    connection.execute(old.values(is_current=False))
