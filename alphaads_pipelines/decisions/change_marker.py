"""Change marker: whether the snapshot's data changed since the last poll. One statement, because polls are frequent."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.bandits.policy_store import POLICY
from alphaads_pipelines.campaigns.campaign_changes import ADVERTISING
from alphaads_pipelines.profiles.segments import DOCUMENT as SEGMENTS
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.relational import sql_table


class ChangeMarker(NamedTuple):
    """The state of the store's data.

    Attributes
    ----------
    marks: versions of shards, keys, documents and policies.
    complete_until: everything taken in before is published; None before the first publication.
    """

    marks: tuple[object, ...]
    complete_until: datetime | None


def read_change_marker(engine: Engine, consumer: str) -> ChangeMarker:
    """Read the marker; `consumer`: whose stream positions define completeness. Raises StoreUnavailable."""
    [[*marks, not_complete, complete_until]] = _MARKER.read(engine, of_consumer=consumer)
    return ChangeMarker(tuple(marks), None if not_complete else complete_until)


def _marker_query() -> sa.Select[tuple[object, ...]]:
    """One row: the driver takes the GIL for each."""
    published, positions = sql_table("published"), sql_table("stream_positions")
    versions, keys = sql_table("policy_versions"), sql_table("key_generation")
    mine = positions.c.consumer == sa.bindparam("of_consumer")
    not_complete = sa.select(sa.func.count()).where(mine, positions.c.complete_until.is_(None))
    return sa.select(
        # A shard's publish_seq never decreases, so any publication changes the sum.
        sa.select(sa.func.sum(published.c.publish_seq)).scalar_subquery(),
        sa.select(sa.func.count()).select_from(published).scalar_subquery(),
        sa.select(keys.c.generation).scalar_subquery(),
        *[_version_of(name) for name in (ADVERTISING, SEGMENTS, POLICY)],
        sa.select(sa.func.max(versions.c.version)).scalar_subquery(),
        not_complete.scalar_subquery(),
        sa.select(sa.func.min(positions.c.complete_until)).where(mine).scalar_subquery(),
    )


def _version_of(name: str) -> sa.ScalarSelect[int]:
    documents = sql_table("published_documents")
    return sa.select(documents.c.version).where(documents.c.name == name).scalar_subquery()


_MARKER = PreparedStatement(_marker_query())
