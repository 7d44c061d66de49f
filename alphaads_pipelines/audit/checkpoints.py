"""Checkpoints: signed chain heads, stored apart from the audit log.

One JSON object per line, in a file outside ALPHAADS_HOME shared by all processes and copied to the table `audit_heads`.
A signature (Ed25519, RFC 8032) also covers the previous one, so none can be changed, removed or moved. A chain's later
checkpoints supersede earlier ones.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
import sqlalchemy as sa
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction
from alphaads_pipelines.telemetry import get_logger

Kind = Literal["opened", "head", "expired", "accepted"]
"""Chain started; its head so far; chain removed at the end of retention; chain broken, acknowledged by a person."""

_LAST_BYTES = 4096
_log = get_logger(__name__)


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One signed line.

    Attributes
    ----------
    checkpoint_id: counts from 1 without gaps.
    entries, head: length of the chain and its last `mac`.
    signature: 128 hexadecimal digits.
    """

    checkpoint_id: int
    kind: Kind
    writer: str
    entries: int
    head: str
    signed_at: datetime
    signature: str


class Head(msgspec.Struct, frozen=True):
    """The unsigned part of a checkpoint."""

    kind: Kind
    writer: str
    entries: int
    head: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Checkpoint)


class Checkpoints:
    """One installation's checkpoints. Safe across threads and processes.

    Parameters
    ----------
    path: the file; its folder is created.
    signing: Ed25519 seed, 32 bytes.
    """

    def __init__(
        self, path: Path, signing: bytes, engine: Engine, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.path = path
        self._key, self._engine, self._clock = Ed25519PrivateKey.from_private_bytes(signing), engine, clock

    def sign(self, heads: Sequence[Head]) -> None:
        """Append a checkpoint per head, durable on return (fsync). Raises StoreUnavailable."""
        if not heads:
            return
        with self._locked() as file:
            last = _last(file) or self._restored(file)
            ended, before = (last.checkpoint_id, last.signature) if last else (0, "")
            lines = []
            for number, head in enumerate(heads, ended + 1):
                signed = self._signed(number, head, before)
                lines.append(_encoder.encode(signed) + b"\n")
                before = signed.signature
            start = file.seek(0, os.SEEK_END)
            try:
                file.write(b"".join(lines))
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), start)
                raise

    def read(self) -> list[Checkpoint | None]:
        """All lines of the file, in order; None for an unreadable line. Raises StoreUnavailable."""
        try:
            lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        except OSError as error:
            raise StoreUnavailable("the checkpoints of the audit log cannot be read") from error
        return [_parsed(line) for line in lines]

    def copies(self) -> list[Checkpoint]:
        """The table's copy, in order. Raises StoreUnavailable."""
        table = sql_table("audit_heads")
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(table).order_by(table.c.checkpoint_id))
            return [Checkpoint(**row) for row in rows.mappings()]

    def copy(self) -> int:
        """Copy new checkpoints from the file to the table; returns how many. Raises StoreUnavailable."""
        table = sql_table("audit_heads")
        with reading(self._engine) as connection:
            newest = connection.execute(sa.select(sa.func.max(table.c.checkpoint_id))).scalar() or 0
        new = [each for each in self.read() if each is not None and each.checkpoint_id > newest]
        with transaction(self._engine) as connection:
            return insert_ignore(connection, "audit_heads", [msgspec.structs.asdict(each) for each in new])

    def is_signed(self, checkpoint: Checkpoint, before: str) -> bool:
        """Whether the signature is valid and follows the signature `before`."""
        try:
            self._key.public_key().verify(_signature(checkpoint), _message(checkpoint, before))
        except InvalidSignature:
            return False
        return True

    def _restored(self, file: BinaryIO) -> Checkpoint | None:
        """Rebuild a lost file from the table, without checkpoints signed since the last copy."""
        copies = self.copies()
        if copies:
            _log.error("the checkpoints of the audit log were lost and are written again from their copy")
        file.write(b"".join(_encoder.encode(each) + b"\n" for each in copies))
        return copies[-1] if copies else None

    def _signed(self, number: int, head: Head, before: str) -> Checkpoint:
        draft = Checkpoint(checkpoint_id=number, signed_at=self._clock(), signature="", **msgspec.structs.asdict(head))
        return msgspec.structs.replace(draft, signature=self._key.sign(_message(draft, before)).hex())

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise StoreUnavailable(f"no checkpoint of the audit log can be written: {error.strerror}") from error


def _message(checkpoint: Checkpoint, before: str) -> bytes:
    return _encoder.encode((msgspec.structs.replace(checkpoint, signature=""), before))


def _signature(checkpoint: Checkpoint) -> bytes:
    try:
        return bytes.fromhex(checkpoint.signature)
    except ValueError:
        return b""


def _parsed(line: bytes) -> Checkpoint | None:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _last(file: BinaryIO) -> Checkpoint | None:
    """The last checkpoint; truncates a line torn by a crash, which was never acknowledged."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _LAST_BYTES))
    tail = file.read()
    whole = tail[: tail.rfind(b"\n") + 1]
    file.truncate(size - len(tail) + len(whole))
    lines = [each for each in map(_parsed, whole.splitlines()) if each is not None]
    return lines[-1] if lines else None
