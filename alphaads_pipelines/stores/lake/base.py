"""What every lake offers: replace a batch's own slice, read it back, append, scan as of a version, stay in shape.

Belongs here: the contract, and how a declared table looks as a polars frame. Does not: any table format.
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
    batch_seq: sequence number of the batch.
    ranges: the offsets that the batch reads, at most one range per stream partition.
    shards: every shard that a row of the batch may have; they belong to this batch alone while it runs.
    again: rows of the slice may lie in the table already (a retry or a replay), perhaps under other dates than the
        new rows; False only for the first attempt of a new batch.
    """

    batch_seq: int
    ranges: tuple[OffsetRange, ...]
    shards: tuple[int, ...]
    again: bool = False


class Lake(ABC):
    """Versioned columnar tables, as `tables.LAKE_TABLES` declares them. Safe in several processes and after a fork.

    Every method raises StoreUnavailable when the storage does not answer or is full. Tables appear on
    first write, even of no rows.
    """

    @abstractmethod
    def replace_slice(self, table: Table, rows: pl.DataFrame, where: Slice, guard: Callable[[], None]) -> int:
        """Make `rows` the only rows of the slice; the version that holds them.

        Post tables are sliced by stream partition and offset, tables partitioned by shard alone by `batch_seq`. The
        same rows again give the same table. `guard` raises Fenced when the caller no longer owns the batch: it is
        called after the state to write upon was loaded and before each write, so a writer that loses its batch
        between the two conflicts, comes back to `guard`, and is told.

        Raises
        ------
        SchemaMismatch: the rows break the table's contract, or lie outside the slice; nothing was written.
        Fenced: `guard` said so; nothing was written.
        WriteConflict: others kept committing first, for as many attempts as are allowed.
        """

    @abstractmethod
    def read_slice(self, table: Table, where: Slice, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of the slice, in no particular order; none if there is no table yet."""

    @abstractmethod
    def replace_all(self, table: Table, rows: pl.DataFrame) -> int:
        """Make `rows` the whole table; its version. For small tables without partitions.

        Raises
        ------
        SchemaMismatch: the rows break the table's contract, or the table is partitioned.
        WriteConflict: others kept committing first.
        """

    @abstractmethod
    def append(self, table: Table, rows: pl.DataFrame) -> int:
        """Add `rows`; the version that holds them. Not idempotent. Raises SchemaMismatch, WriteConflict."""

    @abstractmethod
    def scan(self, table: Table, version: int | None = None) -> pl.LazyFrame:
        """The table as of `version` (None: now), with the declared columns; empty if there is no table yet.

        Columns that were declared after a row was written are null in it.

        Raises
        ------
        NotFound: there is no such version, or it is older than what `maintain` keeps.
        """

    @abstractmethod
    def version(self, table: Table) -> int | None:
        """The current version; None if there is no table yet."""

    @abstractmethod
    def maintain(self, table: Table, *, retention_hours: float) -> Mapping[str, int]:
        """Merge small files, shorten the log, delete files that no version of the last `retention_hours` needs.

        Safe beside writers. Returns figures for people: files and bytes before and after, files deleted.
        """

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
        """Delete every row of a subject, from now and from every older version; safe beside writers, and resumable.

        Only files that hold the subject are touched. Versions from before can no longer be read where they held it.

        Parameters
        ----------
        shard: where the subject's rows may lie; None: anywhere.
        writers_ended: nobody who may have read the subject's rows still writes; what killed writers left goes, too.
        tick: told where the work is, for progress and for tests.

        Returns figures for people. Raises WriteConflict when others kept committing first.
        """

    @abstractmethod
    def erase_posts(self, table: Table, post_keys: Collection[bytes], shard: int) -> Mapping[str, int]:
        """Delete every row of some posts of one shard, from now and from every older version; safe beside writers.

        What a writer left that was killed goes with maintenance. Returns figures for people. Raises WriteConflict when
        others kept committing first.
        """

    @abstractmethod
    def find_subject(self, table: Table, subject_id: str, shard: int | None) -> Mapping[str, int]:
        """What is left of a subject, in all versions and in the log: files looked into, `rows` and `mentions` found."""


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
    """No rows, with the declared columns."""
    return pl.DataFrame(schema=polars_schema(table))


def conform(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its columns in declared order, once it is shown to keep the table's contract.

    A column without any value (type Null) takes its declared type; no other type is converted.

    Raises
    ------
    SchemaMismatch: a column is missing, unknown, of another type, or null where it must not be. The message names
        table and column, never a value.
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
