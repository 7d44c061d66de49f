"""Restore a backup, then repeat the erasures made since.

`restore_files` restores the data and marks the database unusable. `finish_restore` restores the keys of people not in
the erasure journal, erases the others again, and removes the mark. Both may be killed and rerun.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest, UnsealError
from alphaads_pipelines.privacy.key_ring import KeyRing
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.rights.backups.backup import AUDIT
from alphaads_pipelines.rights.backups.backup_files import MANIFEST, Manifest, copy_out
from alphaads_pipelines.rights.backups.key_backups import key_rows
from alphaads_pipelines.rights.erasure.erasure import Erasure
from alphaads_pipelines.rights.erasure.journal import ErasedMac
from alphaads_pipelines.stores.sql import restore_guard
from alphaads_pipelines.stores.sql.dump import POSTGRES_FOLDER, SQLITE_FILE, Dump, load
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in, sql_table, transaction
from alphaads_pipelines.stores.subjects.key_rotation import activate
from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys

_STAGING = ".restoring"
_CHUNK = 5_000


@dataclass(frozen=True, slots=True)
class RestoreTools:
    """Tools of `finish_restore`, from a wiring that admits a marked database."""

    engine: Engine
    ring: Callable[[], KeyRing]
    pseudonyms: Pseudonyms
    subject_keys: RelationalSubjectKeys
    erasure: Erasure


@dataclass(frozen=True, slots=True)
class Restored:
    """Result of a restore.

    Attributes
    ----------
    keys: restored data keys.
    keyless: subjects whose key is lost: old posts stay sealed for ever, new ones get a new key.
    erased: subjects erased again.
    """

    keys: int
    keyless: int
    erased: int


# --- files -----------------------------------------------------------------------------------------------------------


def is_restored(engine: Engine, home: Path, manifest: Manifest) -> bool:
    """Whether this backup's files are restored and only `finish_restore` remains."""
    sign = home / MANIFEST
    return (
        restore_guard.marked(engine) == manifest.backup_id and sign.exists() and sign.read_text() == manifest.backup_id
    )


def restore_files(
    folder: Path, manifest: Manifest, home: Path, url: str, now: datetime, progress: Callable[[int], None]
) -> Path | None:
    """Replace `home` and the database at `url` with a backup, marked as unfinished.

    The home is replaced atomically, keeping longer chains of its audit log.

    Returns
    -------
    Path of the old home, or None.

    Raises
    ------
    InvalidRequest: a file of the backup is missing, truncated or changed, or the database is unsuitable; the home is
        unchanged. StoreUnavailable.
    """
    staging = home.with_name(home.name + _STAGING)
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        copy_out(folder, manifest.files, staging, progress)
        if (home / AUDIT).is_dir():
            _keep_longer(home / AUDIT, staging / AUDIT)
        _load(manifest, staging, home, url, now)
        (staging / MANIFEST).write_text(manifest.backup_id)
        replaced = _put_aside(home, now)
        staging.rename(home)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return replaced


def _load(manifest: Manifest, staging: Path, home: Path, url: str, now: datetime) -> None:
    of = Dump(manifest.dialect, manifest.revision, manifest.tables, manifest.counters, {})
    database = sa.make_url(url)
    lies_in_home = database.database == str(home / SQLITE_FILE)
    if database.get_backend_name() == "sqlite":
        url = f"sqlite:///{staging / SQLITE_FILE}"
    load(url, staging, of, lambda connection: restore_guard.mark(connection, manifest.backup_id, now))
    shutil.rmtree(staging / POSTGRES_FOLDER, ignore_errors=True)
    if database.get_backend_name() == "sqlite" and not lies_in_home:
        shutil.move(staging / SQLITE_FILE, str(database.database))


def _put_aside(home: Path, now: datetime) -> Path | None:
    if not home.exists():
        return None
    if not any(home.iterdir()):
        home.rmdir()
        return None
    aside = home.with_name(f"{home.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
    home.rename(aside)
    return aside


def _keep_longer(old: Path, new: Path) -> None:
    """Keep each audit chain's longer state: the log is append-only."""
    for path in (each for each in old.rglob("*") if each.is_file()):
        target = new / path.relative_to(old)
        if not target.exists() or target.stat().st_size < path.stat().st_size:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


# --- erasures since the backup ---------------------------------------------------------------------------------------


def finish_restore(
    tools: RestoreTools,
    erased: Sequence[ErasedMac],
    key_backup: Path | None,
    home: Path,
    now: datetime,
    progress: Callable[[str, int], None],
) -> Restored:
    """Make restored data usable and remove the mark.

    Parameters
    ----------
    erased: entries of the erasure journal.
    key_backup: source of the data keys; None restores none.
    progress: called with the stage and the count since the last call.

    Raises
    ------
    InvalidRequest: the key backup is damaged or does not match the key file.
    StoreUnavailable, StreamUnavailable, WriteConflict: retry.
    """
    with transaction(tools.engine) as connection:
        insert_ignore(connection, "suppressions", [each.row() for each in erased])
    activate(tools.engine, tools.ring().newest, now)
    keys = _restore_keys(tools, key_backup, now, progress) if key_backup else 0
    again = _erase_again(tools, progress)
    keyless = tools.subject_keys.make_missing()
    with transaction(tools.engine) as connection:
        restore_guard.clear(connection)
    (home / MANIFEST).unlink(missing_ok=True)
    return Restored(keys, keyless, again)


def _restore_keys(tools: RestoreTools, path: Path, now: datetime, progress: Callable[[str, int], None]) -> int:
    ring, brought = tools.ring(), 0
    for rows in key_rows(path):
        macs = {row["subject_id"]: tools.pseudonyms.suppressed_subject(row["subject_id"]) for row in rows}
        with transaction(tools.engine) as connection:
            gone = select_in(connection, "suppressions", "mac", macs.values(), ["mac"])
            erased = {bytes(row.mac) for row in gone}
            kept = [row for row in rows if macs[row["subject_id"]] not in erased and not _is_expired(row, now)]
            for row in kept:
                _verify_key(ring, row, path)
            brought += insert_ignore(connection, "subject_keys", kept)
        progress("keys", len(rows))
    return brought


def _is_expired(row: Mapping[str, Any], now: datetime) -> bool:
    return row["expires_at"] is not None and row["expires_at"] <= now


def _verify_key(ring: KeyRing, row: Mapping[str, Any], path: Path) -> None:
    try:
        ring.unwrap(row["kek_id"], row["wrapped_key"], row["key_id"], row["subject_id"])
    except UnsealError:
        raise InvalidRequest(
            f"{path.name} does not belong to ALPHAADS_KEY_FILE: it is of another installation, from before a rotation "
            "of the keys, or was changed"
        ) from None


def _erase_again(tools: RestoreTools, progress: Callable[[str, int], None]) -> int:
    """Erase suppressed people again and finish the erasures pending in the backup."""
    begun = 0
    for subject_id in list(_suppressed_subjects(tools)):
        tools.erasure.begin(subject_id, uuid.uuid4().hex)
        begun += 1
        progress("erasures begun", 1)
    for request in tools.erasure.pending():
        tools.erasure.resume(request.request_id)
        progress("erasures", 1)
    return begun


def _suppressed_subjects(tools: RestoreTools) -> Iterator[str]:
    table, last = sql_table("subjects"), b""
    while True:
        wanted = sa.select(table.c.identity_mac, table.c.subject_id).where(table.c.identity_mac > last)
        with reading(tools.engine) as connection:
            rows = connection.execute(wanted.order_by(table.c.identity_mac).limit(_CHUNK)).all()
            macs = {tools.pseudonyms.suppressed_subject(row.subject_id): row.subject_id for row in rows}
            macs |= {tools.pseudonyms.suppressed_identity(bytes(row.identity_mac)): row.subject_id for row in rows}
            found = select_in(connection, "suppressions", "mac", macs, ["mac"])
        yield from dict.fromkeys(macs[bytes(row.mac)] for row in found)
        if not rows:
            return
        last = bytes(rows[-1].identity_mac)
