"""Declared tables as Delta tables: folder, types, properties, handles.

Belongs here: opening, creating and widening tables, translating delta-rs errors. Does not: reads or writes of rows.

A commit takes about 7 us per live file and 2.5 us per log file (measured with deltalake 1.6), so writers merge small
files (delta_merge) and maintenance cleans the log (delta_maintenance). delta-rs' search for expired log files at every
commit, three times the cost of the commit, is disabled.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import ColumnProperties as ParquetColumn
from deltalake import DeltaTable, Field, PostCommitHookProperties, Schema, WriterProperties
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    DeltaProtocolError,
    SchemaMismatchError,
    TableNotFoundError,
)
from deltalake.schema import PrimitiveType

from alphaads_pipelines.errors import AlphaAdsError, ConfigurationError, SchemaMismatch, StoreUnavailable, WriteConflict
from alphaads_pipelines.schema.columns import ColumnType, Table

CHECKPOINT_EVERY = 100
ROW_GROUP_ROWS = 32_768
UNIQUE_TYPES = frozenset({"binary", "float64"})
"""Types whose values rarely repeat: a dictionary would enlarge them."""
_MISREAD = frozenset("%[]*?=^|\\")
_PLACE_COLUMNS = ("stream_partition", "stream_offset", "batch_seq")
_DELTA_TYPES: dict[ColumnType, str] = {
    "bool": "boolean",
    "int32": "integer",
    "int64": "long",
    "float64": "double",
    "utf8": "string",
    "json": "string",
    "binary": "binary",
    "date": "date",
    "timestamp": "timestamp",
}


def place_columns(table: Table) -> tuple[str, ...]:
    """Columns that may have statistics: provenance only, nothing about a person."""
    return tuple(name for name in _PLACE_COLUMNS if name in table.column_names)


def _field(table: Table, name: str) -> Field:
    # Nullable in Delta: rows older than a column have no value for it.
    return Field(name, PrimitiveType(_DELTA_TYPES[table.column(name).type]), nullable=True)


def table_properties(table: Table) -> dict[str, str]:
    """Properties of a new table; personal columns get no statistics, which would outlive an erasure."""
    places = place_columns(table)
    statistics = (
        {"delta.dataSkippingStatsColumns": ",".join(places)} if places else {"delta.dataSkippingNumIndexedCols": "0"}
    )
    return {
        **statistics,
        "delta.checkpointInterval": str(CHECKPOINT_EVERY),
        "delta.enableExpiredLogCleanup": "false",
    }


def parquet_properties(table: Table) -> WriterProperties:
    """Parquet properties of a batch's small files: Snappy, statistics of places, no dictionaries of unique values."""
    unique = [column.name for column in table.columns if column.type in UNIQUE_TYPES]
    return WriterProperties(
        compression="SNAPPY",
        max_row_group_size=ROW_GROUP_ROWS,
        default_column_properties=ParquetColumn(statistics_enabled="NONE"),
        column_properties={
            **{name: ParquetColumn(statistics_enabled="CHUNK") for name in place_columns(table)},
            **{name: ParquetColumn(statistics_enabled="NONE", dictionary_enabled=False) for name in unique},
        },
    )


def polars_columns(handle: DeltaTable) -> pl.Schema:
    """The stored columns, as polars types."""
    return pl.Schema(handle.schema())


def check_types(table: Table, handle: DeltaTable) -> None:
    """Raise SchemaMismatch if a declared column is stored with another type."""
    stored = {field.name: field.type for field in handle.schema().fields}
    for column in table.columns:
        expected = PrimitiveType(_DELTA_TYPES[column.type])
        if stored.get(column.name, expected) != expected:
            raise SchemaMismatch(
                f"{table.name}.{column.name} is declared {column.type} but stored as another type; "
                "a stored column cannot change its type: declare a new column"
            )


def commit_hooks() -> PostCommitHookProperties:
    """Checkpoint when due; leave expired log files to maintenance."""
    return PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)


@contextmanager
def translated(table: Table, action: str) -> Iterator[None]:
    """Translate errors of delta-rs, polars and the file system.

    Raises
    ------
    WriteConflict, SchemaMismatch, ConfigurationError, StoreUnavailable
    """
    try:
        yield
    except AlphaAdsError:
        raise
    except CommitFailedError as error:
        raise WriteConflict(f"{action} {table.name}: another writer committed first") from error
    except SchemaMismatchError as error:
        raise SchemaMismatch(f"{action} {table.name}: the stored columns differ from the declared ones") from error
    except DeltaProtocolError as error:
        raise ConfigurationError(
            f"{action} {table.name}: the table needs a newer Delta Lake reader or writer"
        ) from error
    except (DeltaError, OSError, pl.exceptions.ComputeError) as error:
        if "Invalid table version" in str(error):  # the log since the handle's state was cleaned
            raise WriteConflict(f"{action} {table.name}: the table moved on too far") from error
        raise StoreUnavailable(f"{action} {table.name}: {_why(error)}") from error


def _why(error: Exception) -> str:
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left on device" in str(error)
    return "the disk is full" if full else f"the lake's storage failed ({type(error).__name__})"


def is_missing_file(error: BaseException | None) -> bool:
    """Whether the storage reports a missing file."""
    return isinstance(error, FileNotFoundError) or "No such file" in str(error) or "not found" in str(error)


class _Table(DeltaTable):
    """Names files as on disk: delta-rs writes `%20` for a space."""

    def file_uris(self, *args: Any, **kwargs: Any) -> list[str]:
        """As in DeltaTable."""
        uris = super().file_uris(*args, **kwargs)
        return [unquote(uri) if uri.startswith("/") else uri for uri in uris]


def _checked(root: str) -> str:
    """Make a local `root` absolute. Raises ConfigurationError for characters that delta-rs or readers misread."""
    if "://" in root:
        return root
    path = str(Path(root).absolute())
    if found := sorted(set(path) & _MISREAD):
        raise ConfigurationError(f"the lake's folder has {' '.join(found)} in its path; choose one without")
    return path


class Handles:
    """Pool of open Delta tables per process; a reused handle reads only new log entries.

    A handle serves one call at a time, so its state cannot move between load and commit. A forked child opens its own.
    """

    def __init__(self, root: str | Path, storage_options: dict[str, str] | None) -> None:
        self._root = _checked(str(root))
        self._storage_options = storage_options
        self._pid = os.getpid()
        self._idle: dict[str, list[DeltaTable]] = {}

    def uri(self, table: Table) -> str:
        """Folder or URI of `table`."""
        return f"{self._root.rstrip('/')}/{table.name}"

    def open(self, table: Table, version: int | None = None) -> DeltaTable | None:
        """A private handle as of `version`; None if there is no table."""
        try:
            return _Table(self.uri(table), version=version, storage_options=self._storage_options)
        except TableNotFoundError:
            return None

    @contextmanager
    def lend(self, table: Table) -> Iterator[DeltaTable | None]:
        """Borrow a handle on the newest state of `table`; None if there is no table."""
        handle = self._take(table)
        yield handle
        if handle is not None:  # after an error its state is unknown
            self._pool(table).append(handle)

    @contextmanager
    def lend_ready(self, table: Table) -> Iterator[DeltaTable]:
        """Like `lend`, but creates the table and adds missing columns.

        Raises
        ------
        SchemaMismatch: a stored column has another type, or the partitions differ.
        """
        handle = self._take(table) or self._create(table)
        _widen(table, handle)
        yield handle
        self._pool(table).append(handle)

    def _pool(self, table: Table) -> list[DeltaTable]:
        if self._pid != os.getpid():
            self._pid, self._idle = os.getpid(), {}
        return self._idle.setdefault(table.name, [])

    def _take(self, table: Table) -> DeltaTable | None:
        try:
            handle = self._pool(table).pop()
        except IndexError:
            return self.open(table)
        handle.update_incremental()
        return handle

    def _create(self, table: Table) -> DeltaTable:
        return _Table.create(
            self.uri(table),
            Schema([_field(table, name) for name in table.column_names]),
            mode="ignore",
            partition_by=list(table.partition_by),
            name=table.name,
            configuration=table_properties(table),
            storage_options=self._storage_options,
        )


def _widen(table: Table, handle: DeltaTable) -> None:
    """Add newly declared columns; refuse any other difference."""
    check_types(table, handle)
    partitioned = tuple(handle.metadata().partition_columns)
    if partitioned != table.partition_by:
        raise SchemaMismatch(
            f"{table.name} is declared with partitions {table.partition_by}, stored with {partitioned}"
        )
    stored = {field.name for field in handle.schema().fields}
    missing = [_field(table, name) for name in table.column_names if name not in stored]
    if missing:
        handle.alter.add_columns(missing)
