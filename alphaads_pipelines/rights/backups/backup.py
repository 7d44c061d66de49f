"""Create consistent backups of the data without downtime.

Included: the relational store without keys, one version of each lake table, the embedded stream, the decision spool,
the audit log, trained models. Excluded: key file and data keys (key_backups.py), Kafka, and rebuilt data: Dagster's
history, the workers' broker, logs, metrics, unfinished trainings.

Consistent by order: lake versions, then a snapshot of the relational store; per table the newest version read or
published there is copied. Its batches are in the snapshot: published ones are complete, running ones rerun as after a
crash. Spool before stream, so each decision is in at least one; the stream last, so it holds all records planned in the
snapshot.
"""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest, StoreUnavailable
from alphaads_pipelines.rights.backups.backup_files import Copier, Manifest, write_manifest
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.lake.lake_files import version_files
from alphaads_pipelines.stores.sql.dump import Dump, dump

LAKE, STREAM, SPOOL, AUDIT, MODELS = "lake", "stream", "spool", "audit", "models/posts"
_ATTEMPTS = 3
_UNFINISHED = ".part"


@dataclass(frozen=True, slots=True)
class BackupSources:
    """Locations to back up; folders may be missing.

    Attributes
    ----------
    stream: folder of the embedded stream; None for other kinds, which are not backed up.
    signing: Ed25519 seed of the manifest, 32 bytes.
    """

    engine: Engine
    lake: DeltaLake
    lake_path: Path
    stream: Path | None
    spool: Path
    audit: Path
    models: Path
    signing: bytes


def create_backup(sources: BackupSources, folder: Path, now: datetime, progress: Callable[[int], None]) -> Manifest:
    """Write a backup, renamed to `folder` when complete.

    Parameters
    ----------
    folder: missing or empty.
    progress: called with the number of bytes written.

    Raises
    ------
    InvalidRequest: the folder is not empty. StoreUnavailable: a store is down, or lake files kept disappearing
        (erasure, maintenance).
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidRequest(f"{folder} is not empty; a backup gets a folder of its own")
    draft = folder.with_name(folder.name + _UNFINISHED)
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700, parents=True)
            try:
                manifest = _collect(sources, draft, now, progress)
                break
            except (FileNotFoundError, StoreUnavailable) as error:
                if attempt == _ATTEMPTS:
                    raise StoreUnavailable(f"the backup could not be made: {error}") from error
        write_manifest(draft, manifest, sources.signing)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return manifest


def _collect(sources: BackupSources, draft: Path, now: datetime, progress: Callable[[int], None]) -> Manifest:
    copier = Copier(draft, progress)
    seen = {table.name: found for table in LAKE_TABLES if (found := sources.lake.version(table)) is not None}
    dumped = dump(sources.engine, draft)
    for path in sorted(draft.rglob("*")):
        if path.is_file():
            copier.add(str(path.relative_to(draft)))
    lake = _copy_lake(sources, copier, seen, dumped)
    _copy_folder(copier, sources.spool, SPOOL, _SPOOLED)
    if sources.stream is not None:
        _copy_databases(copier, sources.stream, draft)
    _copy_folder(copier, sources.audit, AUDIT, ("*",))
    _copy_folder(copier, sources.models, MODELS, ("*",))
    return Manifest(
        backup_id=uuid.uuid4().hex[:16],
        made_at=now.astimezone(UTC).isoformat(),
        code=version("alpha-creators-ads"),
        dialect=dumped.dialect,
        revision=dumped.revision,
        tables={name: list(columns) for name, columns in dumped.tables.items()},
        counters=dict(dumped.counters),
        stream="embedded" if sources.stream is not None else "not in the backup",
        lake=dict(lake),
        files=copier.files,
    )


_SPOOLED = ("*.position", "*.spool")
"""Positions first: a decision forwarded in between is forwarded again, not lost."""


def _copy_lake(sources: BackupSources, copier: Copier, seen: Mapping[str, int], dumped: Dump) -> Mapping[str, int]:
    copied = {}
    for table in LAKE_TABLES:
        published = dumped.published.get(table.name, frozenset())
        if table.name in seen or published:
            newest = copied[table.name] = max({*published, seen.get(table.name, 0)})
            for path in version_files(sources.lake, sources.lake_path, table, newest, published - {newest}):
                copier.copy(sources.lake_path / path, f"{LAKE}/{path}")
    return copied


def _copy_folder(copier: Copier, folder: Path, to: str, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for path in sorted(folder.rglob(pattern)):
            if path.is_file():
                with suppress(FileNotFoundError):  # forwarded or expired meanwhile
                    copier.copy(path, f"{to}/{path.relative_to(folder)}")


def _copy_databases(copier: Copier, folder: Path, draft: Path) -> None:
    """Copy each topic with SQLite's backup API, a snapshot despite concurrent writers."""
    for path in sorted(folder.glob("*.db")):
        name = f"{STREAM}/{path.name}"
        (draft / STREAM).mkdir(exist_ok=True)
        try:
            with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(draft / name)) as target:
                source.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")  # a single file; the next open restores WAL mode
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"the embedded stream could not be copied: {error}") from error
        copier.add(name)
