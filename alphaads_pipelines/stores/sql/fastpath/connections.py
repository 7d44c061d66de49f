"""A connection as its driver knows it, by what the database is: for prepared statements and brief transactions."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Engine

from alphaads_pipelines.stores.sql.fastpath.postgres_pool import forget_lent, lent_connection
from alphaads_pipelines.stores.sql.fastpath.sqlite_connection import forget_own, own_connection


def driver_connection(engine: Engine) -> AbstractContextManager[Any]:
    """One in no transaction, in which a statement is one of its own. Whoever begins one ends it."""
    return own_connection(engine) if engine.dialect.name == "sqlite" else lent_connection(engine)


def forget_connections(engine: Engine) -> None:
    """Close what is kept, as soon as nobody uses it."""
    forget_own(engine)
    forget_lent(engine)
