"""Maintain Delta tables: merge small files, shorten the log, delete unneeded files."""

from __future__ import annotations

import math
from collections.abc import Mapping

from deltalake import DeltaTable

from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.stores.lake.delta_merge import live_files, merge_small_files
from alphaads_pipelines.stores.lake.delta_tables import commit_hooks

_RUNNING_WRITE_HOURS = 1
"""Maximum duration of a write: younger unreferenced files may be its own, and it may check commits as old as this."""


def tidy_up(table: Table, handle: DeltaTable, retention_hours: float) -> Mapping[str, int]:
    """Merge, checkpoint, vacuum and shorten the log; returns figures."""
    before = live_files(handle)
    merged, given_up = merge_small_files(table, handle)
    _keep_for(handle, retention_hours)
    deleted = _vacuum(handle, retention_hours)
    handle.create_checkpoint()
    handle.cleanup_metadata()
    after = live_files(handle)
    return {
        "version": handle.version(),
        "rows": int(after["num_records"].sum()),
        "files_before": before.height,
        "files_after": after.height,
        "bytes_before": int(before["size_bytes"].sum()),
        "bytes_after": int(after["size_bytes"].sum()),
        "files_merged": merged,
        "files_given_up": given_up,
        "files_deleted": deleted,
    }


def _keep_for(handle: DeltaTable, retention_hours: float) -> None:
    """Set tombstone and log retention to that of the files; both cost time at every checkpoint."""
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
    """Delete files past retention and orphans of killed writers."""
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
