"""`alphaads backup`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphaads_pipelines.cli.audit_record import record
from alphaads_pipelines.cli.console import emit, err, exit_codes, load_settings, out, progress
from alphaads_pipelines.cli.options import JsonOutput
from alphaads_pipelines.wiring.app import wired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alphaads_pipelines.rights.backups.backup_files import Manifest

app = typer.Typer(
    help="Backups of the data, and of the wrapped keys, which expire first. The key file is in neither.",
    no_args_is_help=True,
)
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Folder of one backup.", show_default=False)]
Keys = Annotated[Path | None, typer.Option("--keys", help="The key backup to use; default: the newest.")]
WithoutKeys = Annotated[
    bool, typer.Option("--without-keys", help="Restore without a key backup: sealed data stays unreadable.")
]
WithoutJournal = Annotated[
    bool,
    typer.Option("--without-journal", help="Restore without the erasure journal: erased people may return."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the existing home and database.")]
_MIB = 1 << 20


@app.command()
def create(folder: Folder, as_json: JsonOutput = False) -> None:
    """Back up the data into DIR and the wrapped keys into KEY_BACKUPS_FOLDER, online."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        from alphaads_pipelines.rights.backups.backup import create_backup
        from alphaads_pipelines.runtime.backups import backup_sources

        record(wiring, "backup create", action="backup.create", purpose="operation")
        now = datetime.now(UTC)
        wiring.rights.erasure_journal.catch_up(wiring.engine, now)
        with _bytes("backing up", as_json) as advance:
            manifest = create_backup(backup_sources(wiring), folder.absolute(), now, advance)
        keys = wiring.rights.key_backups.create(wiring.engine, now)
        until = wiring.rights.key_backups.expires_at(keys)
    if as_json:
        emit({**_shown(manifest), "folder": str(folder), "key_backup": str(keys), "keys_expire_at": until})
        return
    out.print(f"backup {manifest.backup_id}: {len(manifest.files):,} files, {manifest.total_bytes / _MIB:,.0f} MiB")
    err.print(f"the wrapped keys are in {keys} until {until:%Y-%m-%d %H:%M} UTC; keep them apart from the data")
    err.print(f"neither holds {wiring.settings.key_file} or {wiring.settings.erasure_journal_path}: keep those, too")


@app.command("keys")
def back_up_keys(as_json: JsonOutput = False) -> None:
    """Back up the wrapped keys only; the newest key backup fits a data backup of any age."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        record(wiring, "backup keys", action="backup.keys", purpose="operation")
        keys = wiring.rights.key_backups.create(wiring.engine, datetime.now(UTC))
        until = wiring.rights.key_backups.expires_at(keys)
    emit({"key_backup": str(keys), "keys_expire_at": until}) if as_json else out.print(f"{keys} until {until}")


@app.command()
def prune(as_json: JsonOutput = False) -> None:
    """Delete key backups older than KEY_BACKUP_DAYS."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        gone = wiring.rights.key_backups.prune(datetime.now(UTC))
    emit({"deleted": [path.name for path in gone]}) if as_json else out.print(f"{len(gone)} key backups deleted")


@app.command()
def verify(folder: Folder, as_json: JsonOutput = False) -> None:
    """Check every file of a backup against its manifest."""
    with exit_codes(), wired(load_settings(quiet=True)) as wiring:
        from alphaads_pipelines.rights.backups import backup_files

        manifest = backup_files.read_manifest(folder, wiring.master_keys.signing)
        with _bytes("reading", as_json) as advance:
            backup_files.verify(folder, manifest, advance)
    emit(_shown(manifest)) if as_json else out.print(f"backup {manifest.backup_id} of {manifest.made_at} is whole")


@app.command()
def restore(
    folder: Folder,
    keys: Keys = None,
    without_keys: WithoutKeys = False,
    without_journal: WithoutJournal = False,
    force: Force = False,
    as_json: JsonOutput = False,
) -> None:
    """Restore a backup, and erase again everyone erased since. Stop all other processes first.

    If killed, run the same command again; nothing else starts until it is complete.
    """
    with exit_codes():
        settings = load_settings(quiet=True)
        from alphaads_pipelines.runtime import backups

        options = backups.RestoreOptions(
            keys, without_keys=without_keys, without_journal=without_journal, replace=force
        )
        with _bytes("restoring", as_json) as advance:
            done = backups.restore(
                settings, folder, options, lambda what, count: advance(count) if what == "bytes" else None
            )
        with wired(settings) as wiring:
            record(wiring, "backup restore", action="backup.restore", purpose="operation")
    if as_json:
        replaced = str(done.replaced) if done.replaced else None
        emit({**asdict(done.restored), "backup_id": done.backup_id, "replaced_home": replaced})
        return
    found = done.restored
    out.print(f"backup {done.backup_id} is back: {found.keys:,} keys, {found.erased:,} people erased again")
    if found.keyless:
        err.print(f"{found.keyless:,} people have new keys: what was sealed for them before stays sealed")
    if done.replaced:
        err.print(f"the home that was there lies at {done.replaced}; delete it once you need it no more")


def _shown(manifest: Manifest) -> dict[str, Any]:
    shown = {name: getattr(manifest, name) for name in ("backup_id", "made_at", "dialect", "stream", "lake")}
    return {**shown, "files": len(manifest.files), "bytes": manifest.total_bytes}


@contextmanager
def _bytes(what: str, is_quiet: bool) -> Iterator[Callable[[int], None]]:
    with progress(disable=is_quiet) as display:
        task = display.add_task(f"{what}, MiB", total=None)
        yield lambda count: display.advance(task, count / _MIB)
