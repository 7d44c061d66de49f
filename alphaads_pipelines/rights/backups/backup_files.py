"""Files of a data backup and their signed manifest.

`manifest.json` lists each file's size and SHA-256; `manifest.sig` is its Ed25519 signature (RFC 8032), after a fixed
prefix. Damaged files are reported by name; a changed manifest is rejected.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alphaads_pipelines.errors import InvalidRequest

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
_PREFIX = b"alphaads backup manifest 1\0"
_CHUNK_BYTES = 1 << 20


class BackupFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file: path in the backup, size, SHA-256 in hexadecimal."""

    path: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Contents of a backup.

    Attributes
    ----------
    made_at: ISO 8601, UTC. code: package version that made it.
    dialect, revision, tables, counters: of the relational store; see `stores.sql.dump.Dump`.
    stream: embedded, or a kind that is not backed up.
    lake: table -> copied version.
    """

    format: Literal[1] = 1
    backup_id: str
    made_at: str
    code: str
    dialect: str
    revision: str
    tables: dict[str, list[str]]
    counters: dict[str, tuple[str, int]]
    stream: str
    lake: dict[str, int]
    files: list[BackupFile]

    @property
    def total_bytes(self) -> int:
        """Size of all files."""
        return sum(each.bytes for each in self.files)


_manifest_decoder = msgspec.json.Decoder(Manifest)


class Copier:
    """Copies files into `target` and lists them; `progress` receives bytes written."""

    def __init__(self, target: Path, progress: Callable[[int], None]) -> None:
        self._target, self._progress = target, progress
        self.files: list[BackupFile] = []

    def copy(self, source: Path, to: str) -> None:
        """Copy one file up to its current length. Raises FileNotFoundError if it disappeared."""
        path = self._target / to
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files.append(_copied(source, path, to, self._progress))

    def add(self, to: str) -> None:
        """List a file already in the folder."""
        self.files.append(_copied(self._target / to, None, to, self._progress))


def write_manifest(folder: Path, manifest: Manifest, signing: bytes) -> None:
    """Write the manifest, signed with the seed `MasterKeys.signing`, then sync the backup to disk."""
    raw = msgspec.json.format(msgspec.json.encode(manifest))
    (folder / MANIFEST).write_bytes(raw)
    signature = Ed25519PrivateKey.from_private_bytes(signing).sign(_PREFIX + raw)
    (folder / SIGNATURE).write_text(signature.hex() + "\n", encoding="ascii")
    os.sync()


def read_manifest(folder: Path, signing: bytes) -> Manifest:
    """Read and verify a manifest. Raises InvalidRequest: missing, changed, or signed under another key file."""
    try:
        raw, signature = (folder / MANIFEST).read_bytes(), (folder / SIGNATURE).read_bytes()
    except FileNotFoundError:
        raise InvalidRequest(f"{folder} is no backup, or one that was not finished: it has no {MANIFEST}") from None
    try:
        public = Ed25519PrivateKey.from_private_bytes(signing).public_key()
        public.verify(bytes.fromhex(signature.decode("ascii").strip()), _PREFIX + raw)
        return _manifest_decoder.decode(raw)
    except (InvalidSignature, ValueError):
        message = f"{MANIFEST} was changed, or belongs to another installation than ALPHAADS_KEY_FILE"
        raise InvalidRequest(message) from None


def copy_out(folder: Path, files: Sequence[BackupFile], target: Path, progress: Callable[[int], None]) -> None:
    """Restore files into `target`, verifying each.

    Raises
    ------
    InvalidRequest: a file is missing, truncated or changed; the message names it.
    """
    for each in files:
        path = target / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        _check(folder, each, path, progress)


def verify(folder: Path, manifest: Manifest, progress: Callable[[int], None]) -> None:
    """Verify every file. Raises InvalidRequest as `copy_out` does."""
    for each in manifest.files:
        _check(folder, each, None, progress)


def _check(folder: Path, expected: BackupFile, target: Path | None, progress: Callable[[int], None]) -> None:
    try:
        found = _copied(folder / expected.path, target, expected.path, progress)
    except (FileNotFoundError, IsADirectoryError):
        raise InvalidRequest(f"the backup is not whole: {expected.path} is missing") from None
    if found.bytes != expected.bytes:
        raise InvalidRequest(
            f"the backup is not whole: {expected.path} has {found.bytes:,} bytes instead of {expected.bytes:,}"
        )
    if found.sha256 != expected.sha256:
        raise InvalidRequest(f"the backup was changed: {expected.path} is not what was written")


def _copied(source: Path, target: Path | None, name: str, progress: Callable[[int], None]) -> BackupFile:
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as read, (target or Path(os.devnull)).open("wb") as write:
        left = os.fstat(read.fileno()).st_size  # ignore later appends
        while left and (chunk := read.read(min(left, _CHUNK_BYTES))):
            digest.update(chunk)
            write.write(chunk)
            size, left = size + len(chunk), left - len(chunk)
            progress(len(chunk))
    if target is not None:
        shutil.copymode(source, target)
    return BackupFile(name, size, digest.hexdigest())
