"""Key ring: the current key-encryption keys (KEKs), which wrap data keys.

AES-256-GCM, bound to key id and subject id. Source: NIST SP 800-38D; 96-bit random nonces.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from alphaads_pipelines.errors import UnsealError
from alphaads_pipelines.privacy.secrets_file import KeyFile, KeyFileContent, new_key, new_key_id

_NONCE_BYTES = 12


class KekMissing(UnsealError):
    """A data key's KEK is not in the ring: wrong key file, or just rotated out (then reread the rewrapped row)."""


class KeyRing:
    """Key-encryption keys (32 bytes each) by id; `newest` is the target of the current or last rotation."""

    def __init__(self, newest: str, keks: Mapping[str, bytes]) -> None:
        self.newest = newest
        self._ciphers = {kek_id: AESGCM(kek) for kek_id, kek in keks.items()}

    @property
    def former(self) -> frozenset[str]:
        """Ids of all but the newest."""
        return frozenset(self._ciphers) - {self.newest}

    def wrap(self, kek_id: str, data_key: bytes, key_id: str, subject_id: str) -> bytes:
        """Encrypt a data key. Raises KekMissing."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher(kek_id).encrypt(nonce, data_key, _bound(key_id, subject_id))

    def unwrap(self, kek_id: str, wrapped: bytes, key_id: str, subject_id: str) -> bytes:
        """Decrypt a data key. Raises KekMissing, or UnsealError: wrapped by another key, or changed."""
        nonce, body = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._cipher(kek_id).decrypt(nonce, body, _bound(key_id, subject_id))
        except (InvalidTag, ValueError):
            raise UnsealError("a data key cannot be unwrapped: ALPHAADS_KEY_FILE is not the one that made it") from None

    def _cipher(self, kek_id: str) -> AESGCM:
        cipher = self._ciphers.get(kek_id)
        if cipher is None:
            raise KekMissing("a data key cannot be unwrapped: ALPHAADS_KEY_FILE does not hold the key that wrapped it")
        return cipher


class KeyRingFile:
    """The ring in a key file, reread when the file changes, so rotations need no restart."""

    def __init__(self, path: Path) -> None:
        self._file = KeyFile(path)
        self._held: tuple[tuple[int, ...], KeyRing] | None = None

    def current(self) -> KeyRing:
        """The current ring; the last one read if the file has disappeared.

        Raises
        ------
        ConfigurationError: the file is damaged or open to others, or disappeared before the first read.
        """
        held = self._held
        try:
            state = self._file.state()
        except OSError:
            if held is not None:
                return held[1]
            state = ()
        if held is None or held[0] != state:
            # Content is read after the state: at worst it is newer, and is reread once.
            held = self._held = state, _ring(self._file.read())
        return held[1]

    def begin(self) -> KeyRing:
        """Add a new key as the newest, unless a rotation is unfinished; returns the ring."""
        return _ring(self._file.change(lambda content: content if content.former_keks else _with_new_kek(content)))

    def drop(self, kek_ids: frozenset[str]) -> KeyRing:
        """Remove former keys that no longer wrap anything; returns the ring."""

        def change(content: KeyFileContent) -> KeyFileContent:
            kept = {kek_id: kek for kek_id, kek in content.former_keks.items() if kek_id not in kek_ids}
            return msgspec.structs.replace(content, former_keks=kept)

        return _ring(self._file.change(change))


def _with_new_kek(content: KeyFileContent) -> KeyFileContent:
    former = {**content.former_keks, content.kek_id: content.kek}
    return msgspec.structs.replace(content, kek_id=new_key_id(), kek=new_key(), former_keks=former)


def _ring(content: KeyFileContent) -> KeyRing:
    return KeyRing(content.kek_id, {**content.former_keks, content.kek_id: content.kek})


def _bound(key_id: str, subject_id: str) -> bytes:
    return f"{key_id}|{subject_id}".encode()
