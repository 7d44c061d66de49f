"""Erasing a subject, or posts, from a Delta table: only files that hold one of the rows are written anew, then deleted.

delta-rs' own `delete` writes its predicate, and with it the subject id, into the log; and it leaves the old files. Here
each commit names files alone. It records the same application transactions as writers and merges of the shard do, so
that of two that began upon the same state the later one conflicts and starts again: no row comes back, none is lost.

Files that no version names any more, because they were merged or replaced, hold rows, too. They are looked into and
deleted at once, and so are the files just replaced. What that costs: versions older than the erasure can no longer
be read in the partitions that held the rows, and a reader that is in the middle of such a file fails and asks again.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.stores.lake.delta_merge import (
    commit_rewritten,
    delete_files,
    file_rows,
    file_system,
    live_files,
    write_file,
)

SUBJECT, POST = "subject_id", "post_key"
_COMMIT_BYTES = 64 << 20
_LOG = "_delta_log/"


@dataclass(frozen=True, slots=True)
class RowSelection:
    """The rows whose `column` is one of `values`."""

    column: str
    values: Collection[Any]

    def matches(self) -> pl.Expr:
        """True of them."""
        return pl.col(self.column).is_in(pl.Series(list(self.values), dtype=self.dtype).implode())

    @property
    def dtype(self) -> pl.DataType:
        """Of the column."""
        return pl.Binary() if self.column == POST else pl.String()


def holds_subjects(table: Table) -> bool:
    """Whether rows of `table` belong to somebody."""
    return SUBJECT in table.column_names


def erase_rows(
    table: Table,
    handle: DeltaTable,
    selection: RowSelection,
    shard: int | None,
    figures: Counter[str],
    tick: Callable[[str], None],
    *,
    writers_ended: bool,
) -> None:
    """Delete rows from the newest state and from every older file.

    Parameters
    ----------
    shard: where the rows may lie; None: anywhere.
    figures: counted on: files, files_rewritten, rows_deleted, bytes_rewritten, old_files_deleted.
    tick: told where the work is, after each commit and deletion.
    writers_ended: nobody who may have read the rows still writes: files that no version ever named go, too.
    """
    live = _of_shard(live_files(handle), shard)
    figures["files"] = live.height
    matching = _count_matches(handle, live["path"], selection)
    for some in _commits(live.filter(pl.col("path").is_in(list(matching)))):
        _rewrite(table, handle, some, selection, figures)
        tick("committed")
        delete_files(handle, some["path"])
        tick("deleted")
        handle.update_incremental()
    old = _unreferenced(handle, shard) if writers_ended else _replaced(handle, shard)
    gone = _count_matches(handle, old, selection)
    delete_files(handle, gone)
    figures["old_files_deleted"] += len(gone)
    tick("old files deleted")


def find_subject(handle: DeltaTable, subject_id: str, shard: int | None) -> Mapping[str, int]:
    """What is left of a subject in all files on disk, live or not, and in the log, decoded.

    Returns `files` and `log_files` looked into, `unreadable` (a writer is at it, or was killed), `rows` and `mentions`
    found.
    """
    paths = _on_disk(handle, shard)
    unreadable: list[str] = []
    held = _count_matches(handle, paths, RowSelection(SUBJECT, [subject_id]), unreadable)
    logs, mentions = _search_log(handle, subject_id)
    return {
        "files": len(paths),
        "unreadable": len(unreadable),
        "rows": sum(held.values()),
        "log_files": logs,
        "mentions": mentions,
    }


def _of_shard(files: pl.DataFrame, shard: int | None) -> pl.DataFrame:
    return files if shard is None else files.filter(pl.col("partition.shard") == shard)


def _count_matches(
    handle: DeltaTable, paths: Iterable[str], selection: RowSelection, unreadable: list[str] | None = None
) -> dict[str, int]:
    """Path -> rows that match, of the files that have any; only one column of each is read."""
    wanted = list(paths)
    if not wanted:
        return {}
    try:
        return _count_in(handle, wanted, selection)
    except (pl.exceptions.ComputeError, OSError):  # one of them is torn, or just went: which one is seen one by one
        if len(wanted) == 1:
            if unreadable is not None:
                unreadable.extend(wanted)
            return {}
        middle = len(wanted) // 2
        halves = wanted[:middle], wanted[middle:]
        return {k: v for half in halves for k, v in _count_matches(handle, half, selection, unreadable).items()}


def _count_in(handle: DeltaTable, paths: Sequence[str], selection: RowSelection) -> dict[str, int]:
    root = handle.table_uri.rstrip("/")
    found = (
        pl.scan_parquet(
            [f"{root}/{path}" for path in paths],
            schema={selection.column: selection.dtype},
            hive_partitioning=False,
            missing_columns="insert",
            extra_columns="ignore",
            include_file_paths="uri",
            storage_options=handle._storage_options,
        )
        .filter(selection.matches())
        .group_by("uri")
        .len()
        .collect()
    )
    depth = paths[0].count("/") + 1  # polars spells the root in its own way
    return {"/".join(uri.split("/")[-depth:]): int(rows) for uri, rows in found.iter_rows()}


def _commits(files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Files that are committed together: few enough that a commit does not take long."""
    if files.is_empty():
        return
    numbered = files.sort("path").with_columns(group=pl.col("size_bytes").cum_sum() // _COMMIT_BYTES)
    yield from numbered.partition_by("group", maintain_order=True)


def _rewrite(
    table: Table, handle: DeltaTable, files: pl.DataFrame, selection: RowSelection, figures: Counter[str]
) -> None:
    """One commit that puts the files' other rows in their place. Raises CommitFailedError."""
    now = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = []
    fence: set[str] = set()
    counted: Counter[str] = Counter()
    for file in files.iter_rows(named=True):
        partition = {name: str(file[f"partition.{name}"]) for name in table.partition_by}
        fence |= {f"merge-{partition['shard']}", f"shard-{partition['shard']}"}
        rows = file_rows(handle, [file["path"]], partition)
        kept = rows.filter(~selection.matches())
        if not kept.is_empty():
            written = write_file(table, handle, kept, partition, now, changes_data=True)
            counted["bytes_rewritten"] += written.size
            actions.append(written)
        actions.append(RemoveAction(file["path"], True, now, file["size_bytes"], dict(partition)))
        counted.update(files_rewritten=1, rows_deleted=rows.height - kept.height)
    commit_rewritten(table, handle, actions, fence)
    figures.update(counted)


def _on_disk(handle: DeltaTable, shard: int | None) -> list[str]:
    """Every Parquet file under the table's folder that may hold rows of the shard."""
    from pyarrow.fs import FileSelector

    found = file_system(handle).get_file_info(FileSelector("", recursive=True))
    return [
        each.path
        for each in found
        if each.path.endswith(".parquet")
        and not each.path.startswith(_LOG)
        and (shard is None or f"shard={shard}/" in each.path)
    ]


def _replaced(handle: DeltaTable, shard: int | None) -> list[str]:
    """Files that older versions name, and the newest does not."""
    paths = handle.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    return [path for path in paths if shard is None or f"shard={shard}/" in path]


def _unreferenced(handle: DeltaTable, shard: int | None) -> list[str]:
    """Files on disk that the newest version does not name; listed before it is looked at."""
    found = _on_disk(handle, shard)
    handle.update_incremental()
    live = set(live_files(handle)["path"])
    return [path for path in found if path not in live]


def _search_log(handle: DeltaTable, subject_id: str) -> tuple[int, int]:
    """Files of the log, and in how many of them the subject id stands."""
    from pyarrow.fs import FileSelector

    files, needle = file_system(handle), subject_id.encode()
    found = [each.path for each in files.get_file_info(FileSelector(_LOG.rstrip("/"), recursive=True)) if each.is_file]
    mentions = 0
    for path in found:
        with files.open_input_file(path) as file:
            content = file.read()
        mentions += needle in content or (path.endswith(".parquet") and needle in _decoded(content))
    return len(found), mentions


def _decoded(checkpoint: bytes) -> bytes:
    return pl.read_parquet(checkpoint).write_ndjson().encode()
