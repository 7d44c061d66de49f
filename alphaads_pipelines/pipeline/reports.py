"""A step's report: rows and versions written, contract breaches, figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

CORRELATION_IDS_SHOWN = 20
ENTITY_TYPES, TRACKED_NAMES, LINKED_BY = "entity_types", "tracked_names", "linked_by"
"""Tallies."""


@dataclass(frozen=True, slots=True)
class Written:
    """Outcome of writing a table; `version` None with `problems` if the rows break the contract."""

    rows: int
    version: int | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step over one batch, or over several of a replay.

    Parameters
    ----------
    tables: lake table -> outcome.
    figures: counts, summed over batches.
    tallies: tally -> name -> count, such as entities by type; summed, too.
    offsets: read (partition, first offset, one past the last).
    correlation_ids: the first few of the records' intakes.
    """

    tables: Mapping[str, Written]
    seconds: float
    figures: Mapping[str, int] = field(default_factory=dict)
    batches: tuple[str, ...] = ()
    offsets: tuple[tuple[str, int, int], ...] = ()
    correlation_ids: tuple[str, ...] = ()
    tallies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[str, ...]:
        """Every breach of a table's contract."""
        return tuple(problem for written in self.tables.values() for problem in written.problems)


def entity_tallies(entities: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Tally rows of `post_entities` by type, tracked name and linker."""
    linked = entities.drop_nulls("tracked_id")
    columns = {ENTITY_TYPES: entities["type"], TRACKED_NAMES: linked["tracked_id"], LINKED_BY: linked["source"]}
    return {tally: dict(column.value_counts().iter_rows()) for tally, column in columns.items()}


def combined(reports: Sequence[StepReport]) -> StepReport:
    """Merge a step's reports over several batches; the last versions win."""
    tables: dict[str, Written] = {}
    figures: dict[str, int] = {}
    tallies: dict[str, Counter[str]] = {}
    for report in reports:
        for name, written in report.tables.items():
            before = tables.get(name, Written(0, None))
            version = written.version if written.version is not None else before.version
            tables[name] = Written(before.rows + written.rows, version, before.problems + written.problems)
        for name, figure in report.figures.items():
            figures[name] = figures.get(name, 0) + figure
        for name, tally in report.tallies.items():
            tallies.setdefault(name, Counter()).update(tally)
    return StepReport(
        tables,
        sum(each.seconds for each in reports),
        figures,
        tuple(batch for each in reports for batch in each.batches),
        tuple(offsets for each in reports for offsets in each.offsets),
        tuple(dict.fromkeys(name for each in reports for name in each.correlation_ids))[:CORRELATION_IDS_SHOWN],
        tallies,
    )
