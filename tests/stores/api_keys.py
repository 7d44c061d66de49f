"""A small table for tests of connections: what adds a row to it, and what counts them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.fastpath.transaction import FastTransaction
from alphaads_pipelines.stores.sql.relational import sql_table

KEYS = sql_table("api_keys")
NUMBER = PreparedStatement(sa.select(sa.func.count()).select_from(KEYS))
_ADD = PreparedStatement(KEYS.insert())


def add_key(connection: FastTransaction, name: str) -> None:
    """Add a row."""
    _ADD.run(connection, **_row(name))


def queue_key(connection: FastTransaction, name: str) -> None:
    """Add a row with the next statement, or the commit."""
    _ADD.queue(connection, **_row(name))


def _row(name: str) -> dict[str, Any]:
    made = {"created_at": datetime.now(UTC), "revoked_at": None}
    return {"key_hash": name, "name": name, "tenant": "acme", "scopes": "", **made}
