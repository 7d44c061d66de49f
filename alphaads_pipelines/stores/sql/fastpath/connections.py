"""Raw driver connections of the fast path, by kind of database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Engine

from alphaads_pipelines.stores.sql.fastpath.postgres_pool import pooled_connection
from alphaads_pipelines.stores.sql.fastpath.sqlite_connection import thread_connection


def driver_connection(engine: Engine) -> AbstractContextManager[Any]:
    """A connection in autocommit; the caller ends any transaction that it begins."""
    return thread_connection(engine) if engine.dialect.name == "sqlite" else pooled_connection(engine)
