"""Backups and restores of this installation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, make_url

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.rights.backups.backup import BackupSources
from alphaads_pipelines.rights.backups.backup_files import Manifest, read_manifest
from alphaads_pipelines.rights.backups.restore import Restored, RestoreTools, finish_restore, is_restored, restore_files
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.sql.dump import is_empty
from alphaads_pipelines.stores.sql.relational import connect, migrate, revision
from alphaads_pipelines.stores.sql.restore_guard import marked
from alphaads_pipelines.wiring.app import Wiring, wired

if TYPE_CHECKING:
    from alphaads_pipelines.settings import Settings

Progress = Callable[[str, int], None]
"""Called with a step and the amount done since the last call."""


@dataclass(frozen=True, slots=True)
class RestoreOptions:
    """Options of a restore.

    Attributes
    ----------
    keys: the key backup; None: the newest valid one.
    without_keys: leave sealed data sealed.
    without_journal: subjects erased since the backup may reappear.
    replace: move an existing home aside, empty the database.
    """

    keys: Path | None = None
    without_keys: bool = False
    without_journal: bool = False
    replace: bool = False


@dataclass(frozen=True, slots=True)
class FinishedRestore:
    """A finished restore; `replaced` is where the previous home was moved."""

    backup_id: str
    restored: Restored
    replaced: Path | None


class RestoringWiring(Wiring):
    """A wiring that also admits a database whose restore is unfinished."""

    def admit(self, engine: Engine) -> None:
        """Accept any database."""


def backup_sources(wiring: Wiring) -> BackupSources:
    """The stores and files of a backup."""
    settings = wiring.settings
    return BackupSources(
        engine=wiring.engine,
        lake=DeltaLake(settings.lake_path),
        lake_path=settings.lake_path,
        stream=settings.stream_path if settings.stream_kind == "embedded" else None,
        spool=settings.spool_path,
        audit=settings.audit_path,
        models=settings.models_path,
        signing=wiring.master_keys.signing,
    )


def restore(settings: Settings, folder: Path, options: RestoreOptions, progress: Progress) -> FinishedRestore:
    """Restore a backup, or finish an interrupted restore, and make it usable.

    Raises
    ------
    InvalidRequest: backup, key backup or journal is unusable, or data would be replaced; existing data is unchanged
        or marked unusable.
    ConfigurationError: the key file is missing, or the code older than the backup.
    StoreUnavailable, StreamUnavailable, WriteConflict: a retry may help.
    """
    now = datetime.now(UTC)
    if not settings.key_file.exists():
        raise InvalidRequest(f"ALPHAADS_KEY_FILE: {settings.key_file} is missing; only the key file of the backup does")
    with wired(settings, RestoringWiring) as wiring:
        manifest = read_manifest(folder, wiring.master_keys.signing)
        keys = _key_backup(wiring, options, now)
        if not settings.erasure_journal_path.exists() and not options.without_journal:
            raise InvalidRequest(
                f"{settings.erasure_journal_path} is missing: it says who was erased since the backup was made. Copy "
                "the newest one from beside the key file; if it is lost for good, say --without-journal"
            )
        replaced = None
        if not _is_already_restored(settings, manifest):
            _ensure_replaceable(wiring, options, now)
            url, home = settings.relational_url, settings.alphaads_home
            replaced = restore_files(folder, manifest, home, url, now, lambda count: progress("bytes", count))
    with wired(settings, RestoringWiring) as wiring:
        return FinishedRestore(manifest.backup_id, _finish(wiring, keys, options, now, progress), replaced)


def _finish(wiring: Wiring, keys: Path | None, options: RestoreOptions, now: datetime, progress: Progress) -> Restored:
    journal = wiring.rights.erasure_journal
    if options.without_journal:
        journal.catch_up(wiring.engine, now)
    elif unknown := len(journal.missing(wiring.engine)):
        raise InvalidRequest(
            f"the erasure journal lacks {unknown} erasures that the backup knows: it is not the newest. Copy the "
            f"newest one to {wiring.settings.erasure_journal_path} and run the same command again"
        )
    tools = RestoreTools(
        wiring.engine, wiring.key_ring.current, wiring.pseudonyms, wiring.subject_keys, wiring.rights.erasure
    )
    return finish_restore(tools, journal.entries(), keys, wiring.settings.alphaads_home, now, progress)


def _key_backup(wiring: Wiring, options: RestoreOptions, now: datetime) -> Path | None:
    if options.without_keys:
        return None
    found = options.keys or wiring.rights.key_backups.newest(now)
    if found is None:
        raise InvalidRequest(
            f"no key backup in {wiring.settings.key_backups_path} is younger than KEY_BACKUP_DAYS; without one what is "
            "sealed stays sealed for ever. Name one with --keys, or say --without-keys"
        )
    if wiring.rights.key_backups.expires_at(found) <= now:
        raise InvalidRequest(f"{found.name} is older than KEY_BACKUP_DAYS: it may not be used any more")
    return found


def _is_already_restored(settings: Settings, manifest: Manifest) -> bool:
    engine = _existing_store(settings)
    if engine is None:
        return False
    try:
        return is_restored(engine, settings.alphaads_home, manifest)
    finally:
        engine.dispose()


def _ensure_replaceable(wiring: Wiring, options: RestoreOptions, now: datetime) -> None:
    """Refuse to replace data in use; copy a replaced store's erasures into the journal."""
    settings = wiring.settings
    engine = _existing_store(settings)
    try:
        is_unfinished = engine is not None and marked(engine) is not None
        if engine is not None and not is_unfinished and not is_empty(engine):
            if not options.replace:
                raise InvalidRequest("the database is not empty; --force replaces what is in it")
            wiring.rights.erasure_journal.catch_up(engine, now)
    finally:
        if engine is not None:
            engine.dispose()
    home = settings.alphaads_home
    if not options.replace and not is_unfinished and home.exists() and any(home.iterdir()):
        raise InvalidRequest(f"{home} is not empty; --force puts it aside and restores in its place")


def _existing_store(settings: Settings) -> Engine | None:
    """The existing store, migrated to the newest schema; None if there is none."""
    url = settings.relational_url
    database = make_url(url)
    if database.get_backend_name() == "sqlite" and not Path(str(database.database)).exists():
        return None
    engine = connect(url)
    if revision(engine) is None:
        engine.dispose()
        return None
    migrate(url)
    return engine
