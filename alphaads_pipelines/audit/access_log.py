"""Audit entries as rows for reports and exports.

Entries with only a Merkle root may concern anyone in their batch, or everyone: listed with `certain` false.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

import polars as pl

from alphaads_pipelines.audit.entries import AuditKeys, Line
from alphaads_pipelines.audit.verification import Verifier
from alphaads_pipelines.ingest.batches import batch_id
from alphaads_pipelines.schema.tables import RAW_POSTS, REJECTED_POSTS
from alphaads_pipelines.stores.lake.base import Lake


def row_of(line: Line) -> dict[str, Any]:
    """An entry as a row; `people` is only a count."""
    entry = line.entry
    return {
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "purpose": entry.purpose,
        "resource": entry.resource,
        "correlation_id": entry.correlation_id,
        "people": entry.people.count,
        "writer": entry.writer,
        "number": entry.number,
    }


_OF_BATCH = re.compile(r"/(b[0-9]{9,})$")


class AccessLog:
    """Queries on the audit log."""

    def __init__(self, verifier: Verifier, keys: AuditKeys, lake: Lake) -> None:
        self._verifier, self._keys, self._lake = verifier, keys, lake

    def everything(self, since: datetime | None = None) -> list[dict[str, Any]]:
        """All entries since `since`, oldest first. Raises StoreUnavailable."""
        return _in_time(row_of(line) for line in self._verifier.entries(since))

    def about(self, subject_id: str, since: datetime | None = None) -> list[dict[str, Any]]:
        """Entries that name a person or may include them, oldest first. Raises StoreUnavailable."""
        lines = self._verifier.entries(since)
        return _in_time(entries_about(lines, self._keys, subject_id, self._batches_of(subject_id)))

    def _batches_of(self, subject_id: str) -> frozenset[str]:
        tables = [self._lake.scan(table).select("subject_id", "batch_seq") for table in (RAW_POSTS, REJECTED_POSTS)]
        mine = pl.concat(tables).filter(pl.col("subject_id") == subject_id).select(pl.col("batch_seq").unique())
        return frozenset(map(batch_id, mine.collect()["batch_seq"]))


def _in_time(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: row["at"])


def entries_about(
    lines: Iterable[Line], keys: AuditKeys, subject_id: str, batches: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Filter `lines`, in order, to one person; `certain`: the entry names them.

    Parameters
    ----------
    batches: ids of the micro-batches with their posts.
    """
    mine = keys.hash_of(subject_id)
    for line in lines:
        is_named = mine in line.entry.people.listed
        if is_named or (line.entry.people.root and _may_hold(line.entry.resource, batches)):
            yield {**row_of(line), "certain": is_named}


def _may_hold(resource: str, batches: Collection[str]) -> bool:
    of_batch = _OF_BATCH.search(resource)
    return of_batch is None or of_batch.group(1) in batches
