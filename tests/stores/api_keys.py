"""A small table for tests of connections: what adds a row to it, and what counts them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from alphaads_pipelines.stores.brief import Brief
from alphaads_pipelines.stores.prepared import Prepared
from alphaads_pipelines.stores.relational import sql_table

KEYS = sql_table("api_keys")
NUMBER = Prepared(sa.select(sa.func.count()).select_from(KEYS))
_ADD = Prepared(KEYS.insert())


def add_key(connection: Brief, name: str) -> None:
    """Add a row."""
    row = {"name": name, "tenant": "acme", "scopes": "", "created_at": datetime.now(UTC), "revoked_at": None}
    _ADD.run(connection, key_hash=name, **row)
