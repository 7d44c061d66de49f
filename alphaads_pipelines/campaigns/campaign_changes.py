"""The transaction in which campaigns, creatives and experiments are changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine

from alphaads_pipelines.stores.sql.documents import publish_document_in
from alphaads_pipelines.stores.sql.relational import transaction

ADVERTISING = "advertising"
"""The document whose version each change increments; servers reload the catalogue only then."""


@contextmanager
def editing(engine: Engine, now: datetime) -> Iterator[Connection]:
    """Open a short transaction for changes of the catalogue. Raises StoreUnavailable.

    Its first statement locks the document's row, which serialises changes: reads in the block see the previous one.
    """
    with transaction(engine) as connection:
        publish_document_in(connection, ADVERTISING, {"edited_at": now.isoformat()}, now)
        yield connection
