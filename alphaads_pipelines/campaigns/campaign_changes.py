"""Edits of what is advertised: one after the other, and heard of by whoever serves ads.

Belongs here: the transaction that every change of campaigns, creatives and experiments is made in. Does not: any of
those changes (store.py, creative_store.py, experiments/experiment_store.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine

from alphaads_pipelines.stores.sql.documents import publish_document_in
from alphaads_pipelines.stores.sql.relational import transaction

ADVERTISING = "advertising"
"""The document whose version moves with each edit; servers read campaigns and creatives anew only then."""


@contextmanager
def editing(engine: Engine, now: datetime) -> Iterator[Connection]:
    """A transaction that changes what is advertised; nothing is changed or told if the block raises.

    Its first statement moves the document and so locks its row: edits come one after the other, and what is read in
    the block is what the edit before left. An edit is rare and short.

    Raises
    ------
    StoreUnavailable.
    """
    with transaction(engine) as connection:
        publish_document_in(connection, ADVERTISING, {"edited_at": now.isoformat()}, now)
        yield connection
