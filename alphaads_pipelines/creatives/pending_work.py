"""Whether texts have to be written or judged: told by two small queries, so that it can be asked every few seconds."""

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
"""Said before there is any campaign, where samples may be seeded."""


def pending_work_token(engine: Engine, *, with_samples: bool) -> str | None:
    """What the texts are made from, as a word that is another one after each edit of an active campaign and while
    other texts wait for moderation; None where nothing is to be written. Raises StoreUnavailable.

    Parameters
    ----------
    with_samples: whether a new installation gets sample campaigns.
    """
    with reading(engine) as connection:
        if not has_campaigns(connection):
            return FIRST if with_samples else None
        edits = _newest(connection, _CAMPAIGNS, _CAMPAIGNS.c.updated_at, _CAMPAIGNS.c.state == ACTIVE)
        waiting = CREATIVES.c.is_current & (CREATIVES.c.state == PENDING)
        submitted = _newest(connection, CREATIVES, CREATIVES.c.changed_at, waiting)
    return None if edits == submitted == "0" else f"{edits}.{submitted}"


def _newest(connection: Connection, table: sa.Table, at: sa.Column[object], wanted: sa.ColumnElement[bool]) -> str:
    """How many rows there are, and when the newest changed."""
    number, newest = connection.execute(sa.select(sa.func.count(), sa.func.max(at)).where(wanted)).one()
    return f"{number}-{int(newest.timestamp() * 1e6)}" if number else "0"
