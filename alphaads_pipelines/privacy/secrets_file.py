"""The key file: key-encryption keys and keys of the keyed hashes, outside every data store.

Beside the home folder, so never in data backups. Changes replace it atomically, under a lock.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from alphaads_pipelines.errors import ConfigurationError

FIRST_KEK = "first"
"""KEK id of a version 1 file, which had none; a migration assigns it to existing rows."""

_KEY_BYTES = 32
_ID_BYTES = 8
Key = Annotated[bytes, msgspec.Meta(min_length=_KEY_BYTES, max_length=_KEY_BYTES)]


@dataclass(frozen=True, slots=True, repr=False)
class MasterKeys:
    """Random 256-bit keys, one per use.

    Attributes
    ----------
    identity, mention, post, suppression: HMAC keys of subjects, of tokens for handles and names, of post keys, and of
        the suppression list.
    audit: HMAC key that chains audit entries and hashes the people in them.
    signing: Ed25519 seed of receipts and audit checkpoints.
    """

    identity: bytes
    mention: bytes
    post: bytes
    suppression: bytes
    audit: bytes
    signing: bytes

    def __repr__(self) -> str:
        return "MasterKeys(<hidden>)"

    @classmethod
    def load_or_create(cls, path: Path, is_needed: Callable[[], bool] = lambda: False) -> MasterKeys:
        """Read the key file, or create it; racing processes all get the same keys.

        Parameters
        ----------
        is_needed: whether existing data requires an earlier file.

        Raises
        ------
        ConfigurationError: the file is missing though needed, readable by others, or not a key file.
        """
        file = KeyFile(path)
        if not path.exists():
            # Data is created after the file, so check the file again.
            if is_needed() and not path.exists():
                raise ConfigurationError(f"ALPHAADS_KEY_FILE: {path} is missing, and only its keys open the data")
            file.make()
        content = file.read()
        return cls(**{each.name: getattr(content, each.name) for each in fields(cls)})


class KeyFileContent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Version 2 of the file, a JSON object. Never logged.

    Attributes
    ----------
    kek_id: random id of `kek`, the newest key-encryption key.
    former_keks: id -> older keys that may still wrap something.
    """

    version: Literal[2]
    kek_id: str
    kek: Key
    former_keks: dict[str, Key]
    identity: Key
    mention: Key
    post: Key
    suppression: Key
    audit: Key
    signing: Key

    def __repr__(self) -> str:
        return "KeyFileContent(<hidden>)"


class _Version1(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    kek: Key
    identity: Key
    mention: Key
    post: Key
    suppression: Key

    def upgraded(self) -> KeyFileContent:
        kept = {name: getattr(self, name) for name in self.__struct_fields__ if name != "version"}
        added = {name: new_key() for name in ("audit", "signing")}
        return KeyFileContent(version=2, kek_id=FIRST_KEK, former_keks={}, **kept, **added)


class _Numbered(msgspec.Struct):
    version: int


_numbered_decoder = msgspec.json.Decoder(_Numbered)
_version1_decoder, _content_decoder = msgspec.json.Decoder(_Version1), msgspec.json.Decoder(KeyFileContent)


def new_key() -> bytes:
    """A random 32-byte key."""
    return secrets.token_bytes(_KEY_BYTES)


def new_key_id() -> str:
    """A random id for a key-encryption key."""
    return secrets.token_hex(_ID_BYTES)


class KeyFile:
    """Creates, reads and changes the key file. Safe across processes.

    Methods raise ConfigurationError, without the content, if the file is readable by others, damaged or inaccessible.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self) -> None:
        """Create the file with new keys; if another process was faster, its keys stay."""
        hashes = {each.name: new_key() for each in fields(MasterKeys)}
        content = KeyFileContent(version=2, kek_id=new_key_id(), kek=new_key(), former_keks={}, **hashes)
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        with self._translated("made"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                _write(draft, content, os.O_EXCL)
                os.link(draft, self.path)
            except FileExistsError:
                pass
            finally:
                draft.unlink(missing_ok=True)

    def read(self) -> KeyFileContent:
        """The content; upgrades a version 1 file to version 2 in place."""
        content = self._parsed()
        return content if isinstance(content, KeyFileContent) else self.change(lambda upgraded: upgraded)

    def change(self, change: Callable[[KeyFileContent], KeyFileContent]) -> KeyFileContent:
        """Replace the content by `change(content)` atomically and return it."""
        with self._translated("changed"), self._locked():
            held = self._parsed()
            current = held if isinstance(held, KeyFileContent) else held.upgraded()
            wanted = change(current)
            if wanted != held:
                # A fixed name, so that a killed process's draft is overwritten.
                draft = self.path.with_name(f"{self.path.name}.next")
                _write(draft, wanted, os.O_TRUNC)
                draft.replace(self.path)
                _sync(self.path.parent)
        return wanted

    def state(self) -> tuple[int, ...]:
        """A fingerprint that differs whenever the content does. Raises OSError."""
        # open() rather than stat(): network file systems guarantee fresh attributes only on open.
        with self.path.open("rb") as file:
            found = os.fstat(file.fileno())
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

    def _parsed(self) -> KeyFileContent | _Version1:
        try:
            with self.path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                raw = file.read()
            content: KeyFileContent | _Version1
            if _numbered_decoder.decode(raw).version == 1:
                content = _version1_decoder.decode(raw)
            else:
                content = _content_decoder.decode(raw)
        except (OSError, ValueError) as error:
            message = f"ALPHAADS_KEY_FILE: {self.path} cannot be read ({type(error).__name__})"
            raise ConfigurationError(message) from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(f"ALPHAADS_KEY_FILE: {self.path} is open to others; run chmod 600 on it")
        return content

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Lock the current file; retries if the file was replaced while waiting."""
        while True:
            descriptor = os.open(self.path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(descriptor), self.path.stat()):
                    yield
                    return
            finally:
                os.close(descriptor)

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            message = f"ALPHAADS_KEY_FILE: {self.path} cannot be {what} ({type(error).__name__})"
            raise ConfigurationError(message) from None


def _write(path: Path, content: KeyFileContent, flag: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(content))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
