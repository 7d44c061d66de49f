"""Published documents: small JSON views, each replaced whole under a version that counts up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import WriteConflict
from alphaads_pipelines.schema.records import document_layout
from alphaads_pipelines.stores.sql.fastpath import PreparedStatement
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in, sql_table, transaction

_DOCUMENTS = sql_table("published_documents")
_VERSION = PreparedStatement(sa.select(_DOCUMENTS.c.version).where(_DOCUMENTS.c.name == sa.bindparam("of_name")))


def publish_document(engine: Engine, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """Swap a small published view whole; its new version. Raises StoreUnavailable."""
    with transaction(engine) as connection:
        return publish_document_in(connection, name, document, now)


def publish_document_in(connection: Connection, name: str, document: Mapping[str, Any], now: datetime) -> int:
    """The same inside the caller's transaction. Raises KeyError for a document that no layout declares."""
    document_layout(name)
    # The database counts, under the row's lock: of two that publish at once each gets a version of its own.
    insert_ignore(connection, _DOCUMENTS.name, [{"name": name, "version": 0, "document": {}, "published_at": now}])
    counted = _DOCUMENTS.update().where(_DOCUMENTS.c.name == name).values(version=_DOCUMENTS.c.version + 1)
    moved = counted.values(document=dict(document), published_at=now).returning(_DOCUMENTS.c.version)
    return int(connection.execute(moved).scalar_one())


def replace_document_in(
    connection: Connection, name: str, document: Mapping[str, Any], now: datetime, *, seen: int, overtaken: str
) -> int:
    """The same, if the document is still of the version `seen` that it was made from.

    Raises
    ------
    WriteConflict: with the words of `overtaken`; the transaction is to be given up.
    """
    version = publish_document_in(connection, name, document, now)
    if version != seen + 1:
        raise WriteConflict(overtaken)
    return version


def document_version_in(connection: Connection, name: str) -> int:
    """Version of a published view, 0 before the first; for those who ask often, and read it only when it moved."""
    return _VERSION.scalar(connection, of_name=name) or 0


def read_document(engine: Engine, name: str) -> tuple[int, dict[str, Any]]:
    """Version and content of a published view; (0, {}) before the first. Raises StoreUnavailable."""
    with reading(engine) as connection:
        rows = select_in(connection, _DOCUMENTS.name, "name", [name])
    return (rows[0].version, rows[0].document) if rows else (0, {})
