"""The key file: the key-encryption key and the keys of the keyed hashes, outside every data store.

It lies beside the home folder, not in it, so that a backup of the data never holds what opens it.
"""

from __future__ import annotations

import base64
import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import orjson

from alphaads_pipelines.errors import ConfigurationError

_KEY_BYTES = 32
_VERSION = 2


@dataclass(frozen=True, slots=True, repr=False)
class MasterKeys:
    """Random 256-bit keys, each for one use only.

    Attributes
    ----------
    kek: wraps the subjects' data keys.
    identity: HMAC key from platform identity to subject.
    mention: HMAC key from a handle or a name in a text to the token that stands for it.
    post: HMAC key from a post's id to its post key.
    suppression: HMAC key of the list of people who may not come back.
    audit: HMAC key of the audit log: chains its entries, and hides whom they are about.
    signing: Ed25519 seed; signs receipts and the audit log's checkpoints.
    """

    kek: bytes
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
        """Read the key file, or make it; processes that race to make it all get the same keys.

        Parameters
        ----------
        is_needed: whether there is data that only the keys of a file made earlier can open.

        Raises
        ------
        ConfigurationError: the file is missing though it is needed, readable by others, or no key file.
        """
        if not path.exists():
            # Whoever made the data in the meantime made the file before it.
            if is_needed() and not path.exists():
                raise ConfigurationError(f"ALPHAADS_KEY_FILE: {path} is missing, and only its keys open the data")
            cls._create(path)
        return cls._load(path)

    @classmethod
    def _create(cls, path: Path) -> None:
        keys = {each.name: base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode() for each in fields(cls)}
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(orjson.dumps({"version": _VERSION, **keys}))
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its keys count
        finally:
            draft.unlink()

    @classmethod
    def _load(cls, path: Path) -> MasterKeys:
        try:
            mode = path.stat().st_mode
            content = orjson.loads(path.read_bytes())
            keys = {each.name: base64.b64decode(content[each.name], validate=True) for each in fields(cls)}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"ALPHAADS_KEY_FILE: {path} cannot be read ({type(error).__name__})") from None
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ConfigurationError(f"ALPHAADS_KEY_FILE: {path} is open to others; run chmod 600 on it")
        if content.get("version") != _VERSION or any(len(key) != _KEY_BYTES for key in keys.values()):
            raise ConfigurationError(f"ALPHAADS_KEY_FILE: {path} is not a key file of this version")
        return cls(**keys)
