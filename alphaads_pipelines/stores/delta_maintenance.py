"""Keeping Delta tables in shape: merge small files, shorten the log, delete what no kept version needs.

A micro-batch writes a small file per date and shard, and every commit pays for every live file. So files are merged
in tiers, like the levels of a log-structured merge tree: once a partition has `FANOUT` files smaller than an eighth
of a tier's size, its files below that size are merged into files of about that size. Each row is rewritten a few
times in its life, however large the lake, and a partition keeps at most a few dozen files. Writers run the lower
tiers for their own shards; maintenance runs them all.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from alphaads_pipelines.stores.delta_tables import commit_hooks, parquet_properties
from alphaads_pipelines.tables import Table

TIERS = (1 << 20, 8 << 20, 64 << 20)
WRITER_TIERS = TIERS[:2]
FANOUT = 16
_SMALL = 8
_RUNNING_WRITE_HOURS = 1
"""How long a write may run: a younger file that no commit names may be its, and it may still check younger commits."""


def tidy_up(table: Table, handle: DeltaTable, retention_hours: float) -> Mapping[str, int]:
    """Merge, checkpoint, vacuum and shorten the log; figures for people."""
    before = _files(table, handle)
    merged, conflicts = merge_small_files(table, handle, TIERS)
    _keep_for(handle, retention_hours)
    deleted = _vacuum(handle, retention_hours)
    handle.create_checkpoint()
    handle.cleanup_metadata()
    after = _files(table, handle)
    return {
        "version": handle.version(),
        "rows": int(after["num_records"].sum()),
        "files_before": before.height,
        "files_after": after.height,
        "bytes_before": int(before["size_bytes"].sum()),
        "bytes_after": int(after["size_bytes"].sum()),
        "files_merged": merged,
        "merges_given_up": conflicts,
        "files_deleted": deleted,
    }


def merge_small_files(
    table: Table, handle: DeltaTable, tiers: Sequence[int], shards: Sequence[int] | None = None
) -> tuple[int, int]:
    """Merge crowded partitions, of `shards` only if given: files merged, and merges given up to another writer."""
    merged = conflicts = 0
    for tier in tiers:
        for filters in _crowded(table, _files(table, handle), tier // _SMALL, shards):
            try:
                merged += _merge(table, handle, filters, tier)
            except CommitFailedError:  # a retry rewrote one of the files: they are merged another time
                conflicts += 1
                handle.update_incremental()
    return merged, conflicts


def _merge(table: Table, handle: DeltaTable, filters: list[tuple[str, str, Any]], target_size: int) -> int:
    figures = handle.optimize.compact(
        partition_filters=filters or None,
        target_size=target_size,
        max_concurrent_tasks=1,
        writer_properties=parquet_properties(table, merging=True),
        post_commithook_properties=commit_hooks(),
    )
    return int(figures["numFilesRemoved"])


def _files(table: Table, handle: DeltaTable) -> pl.DataFrame:
    """Live files: their sizes, rows and partition columns, under the declared names."""
    actions = pl.DataFrame(handle.get_add_actions(flatten=True))
    return actions.select(
        "size_bytes", "num_records", *(pl.col(f"partition.{name}").alias(name) for name in table.partition_by)
    )


def _crowded(
    table: Table, files: pl.DataFrame, below: int, shards: Sequence[int] | None
) -> list[list[tuple[str, str, Any]]]:
    """Partition filters that together cover every partition with `FANOUT` files or more below a size."""
    small = files.filter(pl.col("size_bytes") < below)
    if not table.partition_by:
        return [[]] if small.height >= FANOUT else []
    crowded = small.group_by(table.partition_by).len().filter(pl.col("len") >= FANOUT)
    if shards is not None:
        crowded = crowded.filter(pl.col("shard").is_in(list(shards)))
    if "event_date" not in table.partition_by:
        found = sorted(crowded["shard"].to_list())
        return [[("shard", "in", found)]] if found else []
    by_date: dict[date, list[int]] = {}
    for day, shard in crowded.select("event_date", "shard").sort("event_date", "shard").iter_rows():
        by_date.setdefault(day, []).append(shard)
    return [[("event_date", "=", day), ("shard", "in", found)] for day, found in by_date.items()]


def _keep_for(handle: DeltaTable, retention_hours: float) -> None:
    """Have tombstones and log files expire with the files they speak of; both cost something at every checkpoint."""
    wanted = {
        "delta.deletedFileRetentionDuration": _interval(retention_hours),
        "delta.logRetentionDuration": _interval(max(retention_hours, _RUNNING_WRITE_HOURS)),
    }
    configuration = handle.metadata().configuration
    if any(configuration.get(name) != value for name, value in wanted.items()):
        handle.alter.set_table_properties(wanted)


def _interval(hours: float) -> str:
    return f"interval {math.ceil(hours * 60)} minutes"


def _vacuum(handle: DeltaTable, retention_hours: float) -> int:
    """Delete files that only versions older than the retention need, and what killed writers left behind."""
    hours = math.ceil(retention_hours)
    deleted: set[str] = set()
    if hours < _RUNNING_WRITE_HOURS:
        deleted.update(_delete(handle, hours, full=False))
    deleted.update(_delete(handle, max(hours, _RUNNING_WRITE_HOURS), full=True))
    return len(deleted)


def _delete(handle: DeltaTable, hours: int, *, full: bool) -> list[str]:
    return handle.vacuum(
        retention_hours=hours,
        dry_run=False,
        enforce_retention_duration=False,
        full=full,
        post_commithook_properties=commit_hooks(),
    )
