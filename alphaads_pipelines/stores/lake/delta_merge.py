"""Merge small files of a Delta table into larger ones, with no row changed.

A micro-batch writes a small file per date and shard, and every commit pays for every live file. As in a log-structured
merge tree, `FANOUT` files of one level in a partition become one larger file, so a row is rewritten a few times per
level and a partition keeps a few dozen files, however large the lake. Writers merge the lower levels of their shards;
maintenance merges all.

Two concurrent `optimize.compact` of delta-rs double every row: they take no application transaction, and conflict
checks ignore removals that change no data. Here each merge records an application transaction per shard, so the later
one conflicts; a retry that rewrote one of the files conflicts by delta-rs' own check. Both checks see only commits
after the handle's state, so a merge takes only files live in it.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import polars as pl
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction

from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.stores.lake.delta_tables import (
    ROW_GROUP_ROWS,
    UNIQUE_TYPES,
    commit_hooks,
    place_columns,
    polars_columns,
)

LEVELS = (64 << 10, 1 << 20, 16 << 20)
"""Upper sizes of the levels; larger files are left alone."""
WRITER_LEVELS = LEVELS[:2]
FANOUT = 16
TABLE_FENCE = "table"
"""Application id in every commit to a table without shards; serialises them."""
_MERGED_BYTES = 64 << 20
_COMMIT_BYTES = 256 << 20


def live_files(handle: DeltaTable) -> pl.DataFrame:
    """A row per live file: path, size_bytes, num_records, and `partition.`, `min.`, `max.` columns where present."""
    return pl.DataFrame(handle.get_add_actions(flatten=True))


def merge_small_files(
    table: Table, handle: DeltaTable, levels: Sequence[int] = LEVELS, shards: Sequence[int] | None = None
) -> tuple[int, int]:
    """Merge crowded partitions, optionally of `shards`; returns files merged, and files given up to another writer."""
    merged = planned = 0
    for floor, level in pairwise((0, *levels)):
        for groups in _commits(crowded(table, live_files(handle), floor, level, shards)):
            planned += _count(groups)
            merged += _merge(table, handle, _living(groups, handle))
            handle.update_incremental()
    return merged, planned - merged


def crowded(
    table: Table, files: pl.DataFrame, floor: int, ceiling: int, shards: Sequence[int] | None = None
) -> list[pl.DataFrame]:
    """Groups of files between two sizes to merge: of one partition, oldest first, bounded in size."""
    files = files.filter(pl.col("size_bytes").is_between(floor, ceiling, closed="left"))
    if shards is not None:
        files = files.filter(pl.col("partition.shard").is_in(list(shards)))
    partition = [f"partition.{name}" for name in table.partition_by]
    crowd = files.filter(pl.len().over(partition) >= FANOUT) if partition else files
    ordered = crowd.sort(*partition, "modification_time", "path")
    partitions = ordered.partition_by(partition, maintain_order=True) if partition else [ordered]
    return [group for each in partitions if each.height >= FANOUT for group in _not_too_large(each)]


def _not_too_large(files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    numbered = files.with_columns(group=pl.col("size_bytes").cum_sum() // _MERGED_BYTES)
    yield from (group for group in numbered.partition_by("group", maintain_order=True) if group.height > 1)


def _commits(groups: Sequence[pl.DataFrame]) -> Iterator[list[pl.DataFrame]]:
    """Split groups into commits of bounded duration, usually one."""
    some: list[pl.DataFrame] = []
    size = 0
    for group in groups:
        some.append(group)
        size += int(group["size_bytes"].sum())
        if size >= _COMMIT_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _living(groups: Sequence[pl.DataFrame], handle: DeltaTable) -> list[pl.DataFrame]:
    """Groups whose files are all live; rows of a missing file have moved."""
    paths = live_files(handle)["path"].implode()
    return [group for group in groups if group["path"].is_in(paths).all()]


def _count(groups: Sequence[pl.DataFrame]) -> int:
    return sum(group.height for group in groups)


def _merge(table: Table, handle: DeltaTable, groups: Sequence[pl.DataFrame]) -> int:
    """Commit each group as one file; returns the reduction in files, 0 on conflict."""
    if not groups:
        return 0
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = []
    fence: set[str] = set()
    for group in groups:
        partition = {name: str(group[f"partition.{name}"][0]) for name in table.partition_by}
        fence.add(f"merge-{partition['shard']}" if partition else TABLE_FENCE)
        actions.append(_rewrite(table, handle, group, partition, now))
        actions.extend(
            RemoveAction(path, False, now, size, dict(partition))
            for path, size in group.select("path", "size_bytes").iter_rows()
        )
    try:
        commit_rewritten(table, handle, actions, fence)
    except CommitFailedError:
        # They may hold a subject erased meanwhile.
        delete_files(handle, [each.path for each in actions if isinstance(each, AddAction)])
        return 0
    return _count(groups)


def commit_rewritten(
    table: Table, handle: DeltaTable, actions: list[AddAction | RemoveAction], fence: Iterable[str]
) -> None:
    """Commit rewritten files after the handle's state, fenced against other rewrites. Raises CommitFailedError on
    conflict.
    """
    handle.create_write_transaction(
        actions,
        "append",
        handle.schema(),
        list(table.partition_by),
        commit_properties=CommitProperties(
            app_transactions=[Transaction(app_id, handle.version()) for app_id in sorted(fence)]
        ),
        post_commithook_properties=commit_hooks(),
    )


def file_system(handle: DeltaTable) -> Any:
    """The table's folder as a `pyarrow.fs.FileSystem`."""
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler(handle.table_uri, handle._storage_options))


def delete_files(handle: DeltaTable, paths: Iterable[str]) -> None:
    """Delete files at once, referenced or not; ignores missing ones."""
    files = file_system(handle)
    for path in paths:
        try:
            files.delete_file(path)
        except FileNotFoundError:  # already deleted by vacuum or an aborted erasure
            continue


def _rewrite(
    table: Table, handle: DeltaTable, group: pl.DataFrame, partition: Mapping[str, str], now: int
) -> AddAction:
    return write_file(table, handle, file_rows(handle, group["path"], partition), partition, now, changes_data=False)


def file_rows(handle: DeltaTable, paths: Iterable[str], partition: Mapping[str, str]) -> pl.DataFrame:
    """Rows of live files of one partition, without partition columns."""
    schema = {name: dtype for name, dtype in polars_columns(handle).items() if name not in partition}
    files = [f"{handle.table_uri.rstrip('/')}/{path}" for path in paths]
    options = handle._storage_options
    return pl.scan_parquet(
        files, schema=schema, hive_partitioning=False, missing_columns="insert", storage_options=options
    ).collect()


def write_file(
    table: Table, handle: DeltaTable, rows: pl.DataFrame, partition: Mapping[str, str], now: int, *, changes_data: bool
) -> AddAction:
    """Write `rows` to a new file of the partition; returns the add action to commit.

    Parameters
    ----------
    now: milliseconds since the epoch.
    changes_data: whether the table's rows differ afterwards; delta-rs' conflict check ignores other changes.
    """
    folder = "".join(f"{name}={value}/" for name, value in partition.items())
    path = f"{folder}part-{uuid.uuid4()}.zstd.parquet"
    with DeltaStorageHandler(handle.table_uri, handle._storage_options).open_output_stream(path) as output:
        write_parquet(table, rows, output)
        size = output.tell()
    return AddAction(path, size, dict(partition), now, changes_data, _statistics(table, rows))


def write_parquet(table: Table, rows: pl.DataFrame, output: Any) -> None:
    """Write `rows` as Parquet with `delta_tables.parquet_properties`, but Zstandard.

    Zstandard is too slow for small files of a batch: it needs a context per column and file.
    """
    import pyarrow.parquet as pq

    unique = {column.name for column in table.columns if column.type in UNIQUE_TYPES}
    pq.write_table(
        rows.to_arrow(),
        output,
        compression="zstd",
        compression_level=1,
        row_group_size=ROW_GROUP_ROWS,
        write_statistics=list(place_columns(table)),
        use_dictionary=[name for name in rows.columns if name not in unique],
        store_schema=False,
    )


def _statistics(table: Table, rows: pl.DataFrame) -> str:
    """Delta statistics of a file, place columns only."""
    places = rows.select(place_columns(table))
    return json.dumps(
        {
            "numRecords": rows.height,
            "minValues": {each.name: each.min() for each in places},
            "maxValues": {each.name: each.max() for each in places},
            "nullCount": {each.name: each.null_count() for each in places},
        }
    )
