"""Erase a subject from the lake: every table, version and unreferenced file."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from alphaads_pipelines.rights.erasure.base import CheckResult, Eraser, ErasureTarget, Figures
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import LAKE_TABLES, ON_ANY_SHARD

_TABLES = tuple(table for table in LAKE_TABLES if table.subject_column == "subject_id")


class LakeEraser(Eraser):
    """Erases from the Delta tables."""

    name = "lake"
    covers = frozenset(table.name for table in _TABLES)

    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Rewrite files that hold the subject; delete the old ones at once."""
        figures = {}
        for table, shard in _places(subject):
            figures[table.name] = dict(
                self._ports.lake.erase(
                    table,
                    subject.subject_id,
                    shard,
                    writers_ended=subject.writers_ended,
                    tick=lambda where, name=table.name: tick(f"{name} {where}"),  # type: ignore[misc]
                )
            )
            tick(table.name)
        return figures

    def check(self, subject: ErasureTarget) -> CheckResult:
        """Search subject columns in all Parquet files, and the decoded log and checkpoints."""
        found = {
            table.name: dict(self._ports.lake.find_subject(table, subject.subject_id, shard))
            for table, shard in _places(subject)
        }
        left = sum(each.get("rows", 0) + each.get("mentions", 0) for each in found.values())
        unreadable = sum(each.get("unreadable", 0) for each in found.values())
        torn = f" {unreadable} files could not be read: a writer is at them, or they are torn." if unreadable else ""
        return CheckResult(
            found, left, f"Versions from before the erasure can no longer be read where they held the subject.{torn}"
        )


def _places(subject: ErasureTarget) -> Iterator[tuple[Table, int | None]]:
    for table in _TABLES:
        yield table, None if table.name in ON_ANY_SHARD else subject.shard
