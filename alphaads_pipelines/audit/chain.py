"""One audit chain on disk: an append-only file of entries and its head.

The head authenticates the last number and `mac` under a separate key, so truncation is detectable.
"""

from __future__ import annotations

import errno
import hmac
import os
import secrets
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from alphaads_pipelines.audit.entries import GENESIS_MAC, AuditKeys, Entry, encode

CHAIN_SUFFIX, HEAD_SUFFIX = ".jsonl", ".head"
MAX_BYTES = 16 * 1024 * 1024
MAX_AGE = timedelta(days=1)
_HEAD = struct.Struct(">Q32s32s")
_OWNER_ONLY = 0o600


@dataclass(frozen=True, slots=True)
class ChainHead:
    """Length of a chain and its last `mac`."""

    entries: int
    mac: str


class ChainFile:
    """A chain created and exclusively written by this process.

    Attributes
    ----------
    writer: unique name; starts with the creation time.
    is_sound: False once the file was changed from outside or failed; then append nothing more.
    """

    def __init__(self, folder: Path, keys: AuditKeys, now: datetime) -> None:
        self.writer = f"{now:%Y%m%dT%H%M%S%f}-{os.getpid()}-{secrets.token_hex(4)}"
        self.head = ChainHead(0, GENESIS_MAC)
        self.is_sound = True
        self._keys, self._began, self._size, self._pid = keys, now, 0, os.getpid()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = chain_path(folder, self.writer)
        self._head_file = os.open(head_path(folder, self.writer), os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
        try:
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, _OWNER_ONLY)
        except OSError:
            os.close(self._head_file)
            raise
        self._inode = os.fstat(self._file).st_ino

    def is_full(self, now: datetime) -> bool:
        """Whether to start a new chain: size or age limit reached, or forked."""
        return self._size >= MAX_BYTES or now - self._began >= MAX_AGE or os.getpid() != self._pid

    def append(self, entry: Entry) -> None:
        """Append an entry and update the head. Raises OSError, after rolling back."""
        self._check()
        line, mac = encode(self._keys, entry)
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(errno.ENOSPC, "an entry was written in part")
            self._write_head(ChainHead(entry.number, mac))
        except OSError:
            self._roll_back()
            raise
        self._size += len(line)

    def sync(self) -> None:
        """Flush to disk (fsync). Raises OSError."""
        os.fsync(self._file)
        os.fsync(self._head_file)

    def close(self) -> None:
        """Close the files."""
        os.close(self._file)
        os.close(self._head_file)

    def discard(self) -> None:
        """Close and delete a chain without entries."""
        self.close()
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(HEAD_SUFFIX).unlink(missing_ok=True)

    def _check(self) -> None:
        """Entries appended to a removed file would be lost; a changed file is evidence."""
        try:
            found = self._path.stat()
        except OSError:
            self.is_sound = False
            raise
        if (found.st_ino, found.st_size) != (self._inode, self._size):
            self.is_sound = False
            raise OSError(errno.EIO, "somebody else changed a file of the audit log")

    def _write_head(self, head: ChainHead) -> None:
        content = pack_head(self._keys, self.writer, head)
        if os.pwrite(self._head_file, content, 0) != len(content):
            raise OSError(errno.ENOSPC, "the head of a chain was written in part")
        self.head = head

    def _roll_back(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            self.is_sound = False


def chain_path(folder: Path, writer: str) -> Path:
    """Path of a chain's entries."""
    return folder / f"{writer}{CHAIN_SUFFIX}"


def head_path(folder: Path, writer: str) -> Path:
    """Path of a chain's head."""
    return folder / f"{writer}{HEAD_SUFFIX}"


def pack_head(keys: AuditKeys, writer: str, head: ChainHead) -> bytes:
    """Encode a head with its authentication tag."""
    mac = bytes.fromhex(head.mac)
    return _HEAD.pack(head.entries, mac, _tag(keys, writer, head.entries, mac))


def unpack_head(keys: AuditKeys, writer: str, content: bytes) -> ChainHead | None:
    """Decode a head; None unless made with these keys for this chain."""
    if len(content) != _HEAD.size:
        return None
    entries, mac, tag = _HEAD.unpack(content)
    if not hmac.compare_digest(tag, _tag(keys, writer, entries, mac)):
        return None
    return ChainHead(entries, mac.hex())


def _tag(keys: AuditKeys, writer: str, entries: int, mac: bytes) -> bytes:
    return hmac.digest(keys.head, writer.encode() + entries.to_bytes(8, "big") + mac, "sha256")
