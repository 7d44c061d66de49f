"""Guard against an unfinished restore: one row in the restored database itself.

While it exists, people erased since the backup may be in the stores, so nothing is served.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import ConfigurationError
from alphaads_pipelines.stores.sql.relational import reading, sql_table, upsert

_MARK = sql_table("unfinished_restore")
_ROW = 1


def mark(connection: Connection, backup_id: str, now: datetime) -> None:
    """Record that a restore has begun, in the transaction that loads its rows."""
    upsert(connection, _MARK.name, [{"id": _ROW, "backup_id": backup_id, "began_at": now}])


def marked(engine: Engine) -> str | None:
    """The backup id of an unfinished restore, or None. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return connection.execute(sa.select(_MARK.c.backup_id)).scalar()


def clear(connection: Connection) -> None:
    """Record that it is finished."""
    connection.execute(_MARK.delete())


def refuse_unfinished(engine: Engine) -> None:
    """Raise ConfigurationError while a restore is unfinished. Raises StoreUnavailable."""
    if backup_id := marked(engine):
        raise ConfigurationError(
            f"the restore of backup {backup_id} is not finished: people who were erased since may be in the data. "
            "Run the same `alphaads backup restore` again; nothing else starts before it is done"
        )
