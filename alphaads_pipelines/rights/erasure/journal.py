"""The erasure journal: double keyed hashes of erased people, as in `suppressions`, outside every store and data backup.

An erasure writes to it, beside the key file, before destroying a key, so that restoring an older backup respects the
erasure even without the current database.

One JSON object per line, durable (fsync) when `remember` returns. The next call truncates a line torn by a crash.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import ConfigurationError, StoreUnavailable
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.stores.subjects.suppressions import IDENTITY, SUBJECT

_MAC_BYTES = 32


class ErasedMac(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line: a row of `suppressions`."""

    mac: str  # hexadecimal
    kind: Literal["identity", "subject"]
    erased_at: datetime

    def row(self) -> dict[str, object]:
        """Convert to a row of `suppressions`."""
        return {"mac": bytes.fromhex(self.mac), "kind": self.kind, "suppressed_at": self.erased_at}


_LINE = msgspec.json.Decoder(ErasedMac)


class ErasureJournal:
    """The journal file, at `Settings.erasure_journal_path`. Safe across processes."""

    def __init__(self, path: Path, pseudonyms: Pseudonyms) -> None:
        self._path = path
        self._pseudonyms = pseudonyms

    def remember(self, identities: Iterable[bytes], subject_id: str, now: datetime) -> None:
        """Add identities (`Identity.mac`) and subject before the first key is destroyed; may be repeated.

        Raises
        ------
        StoreUnavailable: not durable; the erasure must not proceed, as a restore would undo it.
        """
        macs = {self._pseudonyms.suppressed_identity(mac): IDENTITY for mac in identities}
        macs[self._pseudonyms.suppressed_subject(subject_id)] = SUBJECT
        self.remember_macs(macs, now)

    def remember_macs(self, macs: Mapping[bytes, str], now: datetime) -> None:
        """Add hashes as in `suppressions`: mac -> kind. Raises StoreUnavailable."""
        lines = [
            msgspec.json.encode({"mac": mac.hex(), "kind": kind, "erased_at": now.astimezone(UTC)}) + b"\n"
            for mac, kind in macs.items()
        ]
        try:
            with self._locked() as file:
                os.truncate(file, _whole_lines(self._path.read_bytes()))
                _write_all(file, b"".join(lines))
                os.fsync(file)
        except OSError as error:
            raise StoreUnavailable(f"the erasure journal cannot be written ({type(error).__name__})") from error

    def catch_up(self, engine: Engine, now: datetime) -> int:
        """Add erasures known only to the store, such as other hosts'; returns how many.

        Creates the file, which a restore requires. Raises as `entries` and `remember` do.
        """
        missing = self.missing(engine)
        self.remember_macs(missing, now)
        return len(missing)

    def missing(self, engine: Engine) -> dict[bytes, str]:
        """mac -> kind of erasures only in the store; if any, this file is not the newest. Raises as `entries` does."""
        known = {bytes.fromhex(each.mac) for each in self.entries()}
        table = sql_table("suppressions")
        with reading(engine) as connection:
            rows = connection.execute(sa.select(table.c.mac, table.c.kind)).all()
        return {bytes(row.mac): row.kind for row in rows if bytes(row.mac) not in known}

    def entries(self) -> list[ErasedMac]:
        """All entries, oldest first, without repeated macs.

        Raises
        ------
        ConfigurationError: a line is damaged. StoreUnavailable: the file cannot be read.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreUnavailable(f"the erasure journal cannot be read ({type(error).__name__})") from error
        found: dict[str, ErasedMac] = {}
        for number, line in enumerate(content[: _whole_lines(content)].splitlines(), 1):
            entry = self._entry(line, number)
            found.setdefault(entry.mac, entry)
        return list(found.values())

    def _entry(self, line: bytes, number: int) -> ErasedMac:
        try:
            entry = _LINE.decode(line)
            if len(bytes.fromhex(entry.mac)) == _MAC_BYTES and entry.erased_at.tzinfo is not None:
                return entry
        except (msgspec.DecodeError, ValueError):
            pass
        raise ConfigurationError(f"{self._path}: line {number} is damaged; who was erased could come back") from None

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IRUSR | stat.S_IWUSR
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _whole_lines(content: bytes) -> int:
    return content.rfind(b"\n") + 1


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]
