"""The lake as Delta tables, through delta-rs: no JVM, no service, local disk or object storage.

A slice is overwritten by a predicate on shard and offsets (replaceWhere), never on dates, which a retry may change.
Shard literals keep writers of other shards from conflicting. Each commit records an application transaction per shard,
even without rows; delta-rs refuses it if the shard had another since the writer's snapshot. That is the fence.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from alphaads_pipelines.errors import NotFound, SchemaMismatch, StoreUnavailable, TransientError, WriteConflict
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.stores.lake.base import Lake, Slice, conform, empty_frame, polars_schema
from alphaads_pipelines.stores.lake.delta_erase import (
    POST,
    SUBJECT,
    RowSelection,
    erase_rows,
    find_subject,
    holds_subjects,
)
from alphaads_pipelines.stores.lake.delta_maintenance import tidy_up
from alphaads_pipelines.stores.lake.delta_merge import TABLE_FENCE, WRITER_LEVELS, merge_small_files
from alphaads_pipelines.stores.lake.delta_tables import (
    Handles,
    check_types,
    commit_hooks,
    is_missing_file,
    parquet_properties,
    polars_columns,
    translated,
)
from alphaads_pipelines.telemetry import get_logger

T = TypeVar("T")
_log = get_logger(__name__)
_ATTEMPTS = 20
_BACKOFF_S = 0.02


def slice_predicate(table: Table, where: Slice) -> str:
    """The slice as SQL; its literals are the ledger's numbers only."""
    shards = f"shard IN ({', '.join(str(shard) for shard in sorted(where.shards))})"
    if not _by_offsets(table):
        return f"{shards} AND batch_seq = {where.batch_seq}"
    ranges = " OR ".join(
        f"(stream_partition = {each.partition} AND stream_offset >= {each.start} AND stream_offset < {each.end})"
        for each in where.ranges
    )
    return f"{shards} AND ({ranges})"


def slice_filter(table: Table, where: Slice) -> pl.Expr:
    """The slice as a polars filter."""
    shards = pl.col("shard").is_in(sorted(where.shards))
    if not _by_offsets(table):
        return shards & (pl.col("batch_seq") == where.batch_seq)
    ranges = [
        (pl.col("stream_partition") == each.partition) & pl.col("stream_offset").is_between(each.start, each.end - 1)
        for each in where.ranges
    ]
    return shards & pl.any_horizontal(ranges)


def _by_offsets(table: Table) -> bool:
    if "stream_offset" in table.column_names:
        return True
    if {"shard", "batch_seq"} <= set(table.column_names):
        return False
    raise SchemaMismatch(f"{table.name} has neither offsets nor shard and batch_seq: it cannot be sliced by batch")


def _is_empty(table: Table, where: Slice) -> bool:
    return not where.shards or (_by_offsets(table) and not where.ranges)


class DeltaLake(Lake):
    """Delta tables under one root.

    Parameters
    ----------
    root: folder, or a delta-rs URI (s3://bucket/prefix).
    storage_options: credentials and endpoint, in delta-rs' names.
    tidy_after_files: files a writer adds between merges of its shards' small files.
    """

    def __init__(
        self, root: str | Path, *, storage_options: dict[str, str] | None = None, tidy_after_files: int = 256
    ) -> None:
        self._handles = Handles(root, storage_options)
        self._tidy_after_files = tidy_after_files
        self._files_added: Counter[str] = Counter()

    def replace_slice(self, table: Table, rows: pl.DataFrame, where: Slice, guard: Callable[[], None]) -> int:
        """See `Lake.replace_slice`."""
        rows = conform(table, rows)
        empty = _is_empty(table, where)
        strangers = rows.height if empty else rows.filter(~slice_filter(table, where)).height
        if strangers:
            raise SchemaMismatch(f"{table.name}: {strangers} rows lie outside the slice of batch {where.batch_seq}")
        write_nothing = empty or (rows.is_empty() and not where.again)

        def write(handle: DeltaTable) -> int:
            guard()
            if write_nothing:
                return handle.version()
            fence = [Transaction(f"shard-{shard}", where.batch_seq) for shard in sorted(where.shards)]
            return _write(table, handle, rows, predicate=slice_predicate(table, where), fence=fence)

        version = self._upon_newest(table, "write", write)
        self._tidy(table, rows, where)
        return version

    def read_slice(self, table: Table, where: Slice, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """See `Lake.read_slice`."""
        names = list(columns or table.column_names)
        with translated(table, "read"), self._handles.lend(table) as handle:
            if handle is None or _is_empty(table, where):
                return empty_frame(table).select(names)
            return _frame(table, handle).filter(slice_filter(table, where)).select(names).collect()

    def replace_all(self, table: Table, rows: pl.DataFrame) -> int:
        """See `Lake.replace_all`."""
        rows = conform(table, rows)
        if table.partition_by:  # rows of batches: a concurrent merge could restore old ones
            raise SchemaMismatch(f"{table.name} is partitioned: replace its slices")
        return self._upon_newest(table, "write", lambda handle: _write(table, handle, rows, fence=_table_fence(handle)))

    def append(self, table: Table, rows: pl.DataFrame) -> int:
        """See `Lake.append`."""
        rows = conform(table, rows)

        def write(handle: DeltaTable) -> int:
            fence = [] if table.partition_by else _table_fence(handle)
            return _write(table, handle, rows, append=True, fence=fence)

        return self._upon_newest(table, "write", write)

    def scan(self, table: Table, version: int | None = None) -> pl.LazyFrame:
        """See `Lake.scan`."""
        handle = self._snapshot(table, version)
        return empty_frame(table).lazy() if handle is None else _frame(table, handle)

    def files(self, table: Table, version: int | None = None) -> list[str]:
        """Parquet paths of the table as of `version`, for readers without Delta support.

        Raises
        ------
        NotFound: there is no such version, or it is older than what `maintain` keeps.
        """
        handle = self._snapshot(table, version)
        return [] if handle is None else handle.file_uris()

    def version(self, table: Table) -> int | None:
        """See `Lake.version`."""
        with translated(table, "open"), self._handles.lend(table) as handle:
            return None if handle is None else handle.version()

    def maintain(self, table: Table, *, retention_hours: float) -> Mapping[str, int]:
        """See `Lake.maintain`."""
        if self.version(table) is None:
            return {}
        return self._upon_newest(table, "maintain", lambda handle: tidy_up(table, handle, retention_hours))

    def erase(
        self,
        table: Table,
        subject_id: str,
        shard: int | None,
        *,
        writers_ended: bool,
        tick: Callable[[str], None] = lambda _: None,
    ) -> Mapping[str, int]:
        """See `Lake.erase`."""
        if not holds_subjects(table):
            return {}
        return self._erase(table, RowSelection(SUBJECT, [subject_id]), shard, tick, writers_ended=writers_ended)

    def erase_posts(self, table: Table, post_keys: Collection[bytes], shard: int) -> Mapping[str, int]:
        """See `Lake.erase_posts`."""
        return self._erase(table, RowSelection(POST, post_keys), shard, lambda _: None, writers_ended=False)

    def _erase(
        self,
        table: Table,
        selection: RowSelection,
        shard: int | None,
        tick: Callable[[str], None],
        *,
        writers_ended: bool,
    ) -> Mapping[str, int]:
        figures: Counter[str] = Counter()
        if self.version(table) is None:
            return figures

        def work(handle: DeltaTable) -> None:
            erase_rows(table, handle, selection, shard, figures, tick, writers_ended=writers_ended)

        self._upon_newest(table, "erase", work)
        return figures

    def find_subject(self, table: Table, subject_id: str, shard: int | None) -> Mapping[str, int]:
        """See `Lake.find_subject`."""
        with translated(table, "search"), self._handles.lend(table) as handle:
            return {} if handle is None else find_subject(handle, subject_id, shard)

    def _snapshot(self, table: Table, version: int | None) -> DeltaTable | None:
        """An immutable state, for frames that are collected later."""
        latest = None if version is None else self.version(table)
        if version is not None and (latest is None or not 0 <= version <= latest):
            raise NotFound(f"{table.name} has no version {version}; the newest is {latest}")
        with translated(table, "open"):
            handle = self._handles.open(table, version)
        if version is not None and handle is None:
            raise NotFound(f"{table.name}: version {version} is older than what maintenance keeps")
        return handle

    def _upon_newest(self, table: Table, action: str, work: Callable[[DeltaTable], T]) -> T:
        """Run `work` on the newest state, retrying on conflicts."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with translated(table, action), self._handles.lend_ready(table) as handle:
                    return work(handle)
            except (WriteConflict, StoreUnavailable) as error:
                # A missing file was erased since; the newest state does not need it.
                if attempt == _ATTEMPTS or not (isinstance(error, WriteConflict) or is_missing_file(error.__cause__)):
                    raise
                time.sleep(random.uniform(0, _BACKOFF_S * attempt))  # noqa: S311 - spreads retries, guards nothing
        raise AssertionError("unreachable")

    def _tidy(self, table: Table, rows: pl.DataFrame, where: Slice) -> None:
        """Merge small files of the writer's shards when due; never fails the write."""
        self._files_added[table.name] += rows.select(table.partition_by).n_unique()
        if self._files_added[table.name] < self._tidy_after_files:
            return
        self._files_added[table.name] = 0
        try:
            with translated(table, "tidy"), self._handles.lend_ready(table) as handle:
                merge_small_files(table, handle, WRITER_LEVELS, where.shards)
        except TransientError as error:
            _log.info("lake_tidy_skipped", table=table.name, code=error.code)


def _table_fence(handle: DeltaTable) -> list[Transaction]:
    return [Transaction(TABLE_FENCE, handle.version())]


def _write(
    table: Table,
    handle: DeltaTable,
    rows: pl.DataFrame,
    *,
    fence: list[Transaction],
    append: bool = False,
    predicate: str | None = None,
) -> int:
    """Commit once; returns the version. Undeclared stored columns become null."""
    stored = polars_columns(handle)
    foreign = [pl.lit(None, stored[name]).alias(name) for name in stored if name not in rows.columns]
    write = partial(
        write_deltalake,
        handle,
        rows.with_columns(foreign).select(list(stored)),
        writer_properties=parquet_properties(table),
        commit_properties=CommitProperties(app_transactions=fence),
        post_commithook_properties=commit_hooks(),
    )
    if append:
        write(mode="append")
    else:
        write(mode="overwrite", predicate=predicate)
    return handle.version()


def _frame(table: Table, handle: DeltaTable) -> pl.LazyFrame:
    """Scan with the declared columns; newer ones are null."""
    check_types(table, handle)
    stored = polars_columns(handle)
    declared = polars_schema(table)
    return pl.scan_delta(handle).select(
        pl.col(name) if name in stored else pl.lit(None, dtype).alias(name) for name, dtype in declared.items()
    )
