"""Erase a subject or posts from a Delta table, rewriting and deleting only files with matching rows.

delta-rs' `delete` would log the subject id in its predicate and keep old files. Here commits name files only, and
record the same application transactions as the shard's writers and merges: of two from the same state the later
conflicts and retries, so no row returns or is lost.

Files no longer in any version (merged or replaced) hold rows, too: they are searched and deleted at once, like the
files just replaced. The price: older versions become unreadable in the affected partitions, and readers of such a file
must retry.
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
    """Rows whose `column` is one of `values`."""

    column: str
    values: Collection[Any]

    def matches(self) -> pl.Expr:
        """The selection as a filter."""
        return pl.col(self.column).is_in(pl.Series(list(self.values), dtype=self.dtype).implode())

    @property
    def dtype(self) -> pl.DataType:
        """Type of the column."""
        return pl.Binary() if self.column == POST else pl.String()


def holds_subjects(table: Table) -> bool:
    """Whether rows of `table` belong to subjects."""
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
    """Delete rows from all files, newest and older.

    Parameters
    ----------
    shard: of the rows; None: any.
    figures: incremented: files, files_rewritten, rows_deleted, bytes_rewritten, old_files_deleted.
    tick: called with the phase after each commit and deletion.
    writers_ended: no writer that may have read the rows is left; also delete files never named by a version.
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
    """Search all files on disk, live or not, and the decoded log for a subject.

    Returns `files` and `log_files` searched, `unreadable` (being written, or left by a killed writer), `rows` and
    `mentions` found.
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
    """Path -> matching rows, if any; reads a single column."""
    wanted = list(paths)
    if not wanted:
        return {}
    try:
        return _count_in(handle, wanted, selection)
    except (pl.exceptions.ComputeError, OSError):  # bisect for files torn or just deleted
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
    depth = paths[0].count("/") + 1  # polars normalises the root
    return {"/".join(uri.split("/")[-depth:]): int(rows) for uri, rows in found.iter_rows()}


def _commits(files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Split files into commits of bounded duration."""
    if files.is_empty():
        return
    numbered = files.sort("path").with_columns(group=pl.col("size_bytes").cum_sum() // _COMMIT_BYTES)
    yield from numbered.partition_by("group", maintain_order=True)


def _rewrite(
    table: Table, handle: DeltaTable, files: pl.DataFrame, selection: RowSelection, figures: Counter[str]
) -> None:
    """Replace files by their remaining rows in one commit. Raises CommitFailedError."""
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
    """Files of older versions that the newest does not name."""
    paths = handle.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)
    return [path for path in paths if shard is None or f"shard={shard}/" in path]


def _unreferenced(handle: DeltaTable, shard: int | None) -> list[str]:
    """Files on disk that the newest version does not name; listed before it is read."""
    found = _on_disk(handle, shard)
    handle.update_incremental()
    live = set(live_files(handle)["path"])
    return [path for path in found if path not in live]


def _search_log(handle: DeltaTable, subject_id: str) -> tuple[int, int]:
    """Number of log files, and of log files with the subject id."""
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
