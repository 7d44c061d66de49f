"""Audit a micro-batch's access to people's data: one entry per batch and table, before it is written.

An entry holds the Merkle root of the table's subjects. Hashing costs microseconds per person; it is cached because a
batch's tables mostly share their subjects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from alphaads_pipelines.audit.entries import People
    from alphaads_pipelines.audit.log import AuditLog
    from alphaads_pipelines.ingest.batches import Batch

_PURPOSES = {"accept": "intake", "score": "analytics", "fold": "analytics", "publish": "personalised_ads"}


class AccessRecords:
    """Records the steps of one batch."""

    def __init__(self, audit: AuditLog, batch: Batch) -> None:
        self._audit, self._batch = audit, batch
        self._known: dict[frozenset[str], People] = {}

    def record(self, step: str, tables: Mapping[str, pl.DataFrame], correlation_id: str) -> None:
        """Record an entry per table, by `subject_id`. Raises StoreUnavailable."""
        for table, frame in tables.items():
            self._audit.record(
                action=f"batch.{step}",
                purpose=_PURPOSES[step],
                actor=f"run:{self._batch.worker}",
                resource=f"{table}/{self._batch.id}",
                subjects=self._people(frame),
                correlation_id=correlation_id,
            )

    def _people(self, frame: pl.DataFrame) -> People:
        subjects = frozenset(frame["subject_id"].unique())
        if subjects not in self._known:
            self._known[subjects] = self._audit.people(subjects)
        return self._known[subjects]
