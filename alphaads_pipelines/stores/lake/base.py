"""The lake's contract, and declared tables as polars frames.

Belongs here: slices, appends, scans as of a version, maintenance. Does not: any table format.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import polars as pl

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.streams.base import OffsetRange


@dataclass(frozen=True, slots=True)
class Slice:
    """The part of a table that one micro-batch owns.

    Parameters
    ----------
    ranges: the batch's offsets, at most one range per stream partition.
    shards: all possible shards of its rows; exclusive while the batch runs.
    again: a retry or replay, whose rows may be in the table under other dates; False only for a new batch's first
    attempt.
    """

    batch_seq: int
    ranges: tuple[OffsetRange, ...]
    shards: tuple[int, ...]
    again: bool = False


class Lake(ABC):
    """Versioned columnar tables, declared in `tables.LAKE_TABLES`. Safe in several processes and after a fork.

    Every method raises StoreUnavailable if the storage is unavailable or full. Tables are created on first write, even
    of no rows.
    """

    @abstractmethod
    def replace_slice(self, table: Table, rows: pl.DataFrame, where: Slice, guard: Callable[[], None]) -> int:
        """Make `rows` the only rows of the slice; returns the version. Idempotent.

        Post tables are sliced by stream partition and offset, tables partitioned by shard alone by `batch_seq`. `guard`
        raises Fenced when the caller no longer owns the batch; it runs between loading the base state and each write,
        so a writer that lost its batch conflicts, retries and is fenced.

        Raises
        ------
        SchemaMismatch: the rows break the contract or lie outside the slice. Fenced: by `guard`. Neither writes
        anything.
        WriteConflict: others committed first, in all attempts.
        """

    @abstractmethod
    def read_slice(self, table: Table, where: Slice, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows of the slice, unordered; empty if there is no table."""

    @abstractmethod
    def replace_all(self, table: Table, rows: pl.DataFrame) -> int:
        """Replace a small unpartitioned table; returns its version.

        Raises
        ------
        SchemaMismatch: the rows break the contract, or the table is partitioned. WriteConflict.
        """

    @abstractmethod
    def append(self, table: Table, rows: pl.DataFrame) -> int:
        """Add `rows`; returns the version. Not idempotent. Raises SchemaMismatch, WriteConflict."""

    @abstractmethod
    def scan(self, table: Table, version: int | None = None) -> pl.LazyFrame:
        """The table as of `version` (None: now), with the declared columns; empty if there is no table.

        Columns newer than a row are null in it.

        Raises
        ------
        NotFound: there is no such version, or it is older than what `maintain` keeps.
        """

    @abstractmethod
    def version(self, table: Table) -> int | None:
        """The current version; None if there is no table."""

    @abstractmethod
    def maintain(self, table: Table, *, retention_hours: float) -> Mapping[str, int]:
        """Merge small files, shorten the log, delete files unused for `retention_hours`; safe beside writers.
        Returns figures."""

    @abstractmethod
    def erase(
        self,
        table: Table,
        subject_id: str,
        shard: int | None,
        *,
        writers_ended: bool,
        tick: Callable[[str], None] = lambda _: None,
    ) -> Mapping[str, int]:
        """Delete a subject's rows from all versions; safe beside writers, and resumable.

        Rewrites only files with the subject, whose older versions become unreadable. Returns figures. Raises
        WriteConflict.

        Parameters
        ----------
        shard: of the subject's rows; None: any.
        writers_ended: no writer that may have read the rows is left; also delete orphans of killed writers.
        tick: called with each completed phase.
        """

    @abstractmethod
    def erase_posts(self, table: Table, post_keys: Collection[bytes], shard: int) -> Mapping[str, int]:
        """Delete posts' rows of one shard from all versions; safe beside writers. Returns figures.

        Orphans of killed writers are left to maintenance. Raises WriteConflict.
        """

    @abstractmethod
    def find_subject(self, table: Table, subject_id: str, shard: int | None) -> Mapping[str, int]:
        """Count traces of a subject in all versions and the log: files searched, `rows` and `mentions`."""


@cache
def polars_schema(table: Table) -> pl.Schema:
    """Columns of `table` in declared order, as polars types."""
    types: dict[str, pl.DataType] = {
        "bool": pl.Boolean(),
        "int32": pl.Int32(),
        "int64": pl.Int64(),
        "float64": pl.Float64(),
        "utf8": pl.String(),
        "json": pl.String(),
        "binary": pl.Binary(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("us", "UTC"),
    }
    return pl.Schema({column.name: types[column.type] for column in table.columns})


def empty_frame(table: Table) -> pl.DataFrame:
    """An empty frame with the declared columns."""
    return pl.DataFrame(schema=polars_schema(table))


def conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """Validate `frame` against the table's contract; returns it in declared column order.

    A column of type Null takes its declared type; no other type is converted.

    Raises
    ------
    SchemaMismatch: a column is missing, unknown, of another type, or has forbidden nulls. Names table and column, never
    a value.
    """
    schema = polars_schema(table)
    _check_names(table, frame)
    ordered = frame.select(
        pl.col(name).cast(schema[name]) if frame.schema[name] == pl.Null else pl.col(name) for name in schema
    )
    for column in table.columns:
        found: Any = ordered.schema[column.name]
        if found != schema[column.name]:
            raise SchemaMismatch(f"{table.name}.{column.name}: expected {schema[column.name]}, found {found}")
        nulls = ordered.get_column(column.name).null_count()
        if nulls and not column.nullable:
            raise SchemaMismatch(f"{table.name}.{column.name}: {nulls} of {ordered.height} rows are null, none may be")
    return ordered


def _check_names(table: Table, frame: pl.DataFrame) -> None:
    missing = [name for name in table.column_names if name not in frame.columns]
    if missing:
        raise SchemaMismatch(f"{table.name}: missing columns: {', '.join(missing)}")
    unknown = [name for name in frame.columns if name not in table.column_names]
    if unknown:
        raise SchemaMismatch(f"{table.name}: columns that tables.py does not declare: {', '.join(unknown)}")
