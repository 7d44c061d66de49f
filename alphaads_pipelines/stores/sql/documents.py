"""Published documents: small JSON views, replaced whole under an increasing version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import WriteConflict
from alphaads_pipelines.schema.records import document_layout
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in, sql_table, transaction

_DOCUMENTS = sql_table("published_documents")
_VERSION = PreparedStatement(sa.select(_DOCUMENTS.c.version).where(_DOCUMENTS.c.name == sa.bindparam("of_name")))


def publish_document(engine: Engine, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """Replace a document, and return its new version. Raises StoreUnavailable."""
    with transaction(engine) as connection:
        return publish_document_in(connection, name, document, now)


def publish_document_in(connection: Connection, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """`publish_document` in the caller's transaction. Raises KeyError for an undeclared document."""
    document_layout(name)
    # Incremented under the row's lock, so that concurrent publishers get different versions.
    insert_ignore(connection, _DOCUMENTS.name, [{"name": name, "version": 0, "document": {}, "published_at": now}])
    counted = _DOCUMENTS.update().where(_DOCUMENTS.c.name == name).values(version=_DOCUMENTS.c.version + 1)
    moved = counted.values(document=dict(document), published_at=now).returning(_DOCUMENTS.c.version)
    return int(connection.execute(moved).scalar_one())


def replace_document_in(
    connection: Connection, name: str, document: Mapping[str, Any], now: datetime, *, seen: int, overtaken: str
) -> int:
    """`publish_document_in`, if the document still has the version `seen` that it was derived from.

    Raises
    ------
    WriteConflict: with the message `overtaken`; roll the transaction back.
    """
    version = publish_document_in(connection, name, document, now)
    if version != seen + 1:
        raise WriteConflict(overtaken)
    return version


def document_version_in(connection: Connection, name: str) -> int:
    """The version of a document, 0 before the first: cheap to poll."""
    return _VERSION.scalar(connection, of_name=name) or 0


def read_document(engine: Engine, name: str) -> tuple[int, dict[str, Any]]:
    """Version and content of a document; (0, {}) before the first. Raises StoreUnavailable."""
    with reading(engine) as connection:
        rows = select_in(connection, _DOCUMENTS.name, "name", [name])
    return (rows[0].version, rows[0].document) if rows else (0, {})
