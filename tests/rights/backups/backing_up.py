"""Fixtures of backup and restore tests: backups by command, a second machine, stored data by person."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from alphaads_pipelines.rights.backups.backup import create_backup
from alphaads_pipelines.rights.backups.backup_files import Manifest
from alphaads_pipelines.runtime import backups
from alphaads_pipelines.runtime.backups import FinishedRestore, RestoreOptions, backup_sources
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import METADATA, reading
from alphaads_pipelines.wiring.app import Wiring

_CHANGED_BY_RESTORES = frozenset({"key_generation", "active_kek", "audit_heads"})


class Killed(BaseException):
    """Stands for kill -9: no handler of the code under test sees it."""


def back_up(wiring: Wiring, folder: Path) -> Manifest:
    """What the command does."""
    now = datetime.now(UTC)
    wiring.rights.erasure_journal.catch_up(wiring.engine, now)
    manifest = create_backup(backup_sources(wiring), folder, now, lambda _: None)
    wiring.rights.key_backups.create(wiring.engine, now)
    return manifest


def restore_to(folder: Path, settings: Settings, **options: Any) -> FinishedRestore:
    """What the command does."""
    return backups.restore(settings, folder, RestoreOptions(**options), lambda *_: None)


def moved_to(old: Settings, new: Settings) -> None:
    """Copy files outside backups to a new machine: key file, erasure journal, key backups."""
    new.key_file.parent.mkdir()
    shutil.copy2(old.key_file, new.key_file)
    shutil.copy2(old.erasure_journal_path, new.erasure_journal_path)
    shutil.copytree(old.key_backups_path, new.key_backups_path)


def rows_of(wiring: Wiring) -> dict[str, list[str]]:
    """Every row of the relational store, except those changed by a restore."""
    with reading(wiring.engine) as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
            for table in METADATA.sorted_tables
            if table.name not in _CHANGED_BY_RESTORES
        }


def held(wiring: Wiring, subject: str) -> int:
    """Rows of a subject in the lake and the relational store."""
    rows = 0
    for table in LAKE_TABLES:
        if "subject_id" in table.column_names:
            rows += wiring.lake.scan(table).filter(pl.col("subject_id") == subject).collect().height
    with reading(wiring.engine) as connection:
        for table in METADATA.sorted_tables:
            if "subject_id" in table.c:
                rows += len(connection.execute(sa.select(table).where(table.c.subject_id == subject)).all())
    return rows


def erase(wiring: Wiring, subjects: list[str]) -> None:
    for subject in subjects:
        wiring.rights.erasure.resume(wiring.rights.erasure.begin(subject, "e" * 32).request_id)
