"""Sealer: batch AES-256-GCM under each subject's own key.

NIST SP 800-38D; 96-bit random nonces, far fewer than 2^32 bodies per key.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from alphaads_pipelines.errors import KeyDestroyed, UnsealError
from alphaads_pipelines.privacy.envelope import SCHEMA_VERSION, Envelope, associated_data
from alphaads_pipelines.privacy.keys import Identity, SubjectKey, SubjectKeyStore

_NONCE_BYTES = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A body to seal and its author; without `identity` the daily key seals it."""

    identity: Identity | None
    body: bytes


class Sealed(Protocol):
    """A sealed body with header: an `Envelope`, or a `SealedBody` from a table."""

    @property
    def schema_version(self) -> int: ...  # noqa: D102
    @property
    def platform(self) -> str: ...  # noqa: D102
    @property
    def shard(self) -> int: ...  # noqa: D102
    @property
    def subject_id(self) -> str: ...  # noqa: D102
    @property
    def key_id(self) -> str: ...  # noqa: D102
    @property
    def nonce(self) -> bytes: ...  # noqa: D102
    @property
    def body(self) -> bytes: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class SealedBody:
    """A sealed body and its header."""

    schema_version: int
    platform: str
    shard: int
    subject_id: str
    key_id: str
    nonce: bytes
    body: bytes


class Sealer:
    """Seals and opens bodies; caches up to `cache_size` ciphers until any key is destroyed."""

    def __init__(self, keys: SubjectKeyStore, shards: int, cache_size: int = 100_000) -> None:
        self._keys = keys
        self._shards = shards
        self._cache_size = cache_size
        self._ciphers: OrderedDict[str, AESGCM] = OrderedDict()
        self._generation = -1
        self._lock = threading.Lock()  # guards the cache and its generation

    def seal(
        self, platform: str, items: Sequence[Unsealed], correlation_id: str, observed_at: datetime
    ) -> list[Envelope]:
        """Seal each item into an envelope, in order. Raises StoreUnavailable."""
        generation = self._drop_destroyed()
        subjects = self._subjects(items, observed_at)
        ciphers = self._ciphers_of({each.key_id: each.key for each in subjects}, generation)
        observed_us = (observed_at - _EPOCH) // (datetime.resolution)
        nonces = os.urandom(_NONCE_BYTES * len(items))
        envelopes = []
        for index, (item, subject) in enumerate(zip(items, subjects, strict=True)):
            nonce = nonces[index * _NONCE_BYTES : (index + 1) * _NONCE_BYTES]
            bound = associated_data(SCHEMA_VERSION, platform, subject.shard, subject.subject_id, subject.key_id)
            body = ciphers[subject.key_id].encrypt(nonce, item.body, bound)
            envelopes.append(
                Envelope(
                    SCHEMA_VERSION,
                    platform,
                    subject.shard,
                    subject.subject_id,
                    subject.key_id,
                    nonce,
                    correlation_id,
                    observed_us,
                    item.identity is not None,
                    body,
                )
            )
        return envelopes

    def _subjects(self, items: Sequence[Unsealed], observed_at: datetime) -> list[SubjectKey]:
        identities = list(dict.fromkeys(item.identity for item in items if item.identity is not None))
        found = dict(zip(identities, self._keys.ensure(identities), strict=True))
        if all(item.identity is not None for item in items):
            return [found[item.identity] for item in items if item.identity is not None]
        nobody = self._keys.daily_key(observed_at.astimezone(UTC).date())
        return [nobody if item.identity is None else found[item.identity] for item in items]

    def unseal(self, sealed: Sequence[Sealed]) -> list[bytes | UnsealError]:
        """Open each body, in order; an UnsealError stands for each unreadable body.

        Raises
        ------
        StoreUnavailable: keys cannot be read. UnsealError: the key file does not match.
        """
        generation = self._drop_destroyed()
        wanted = {each.key_id for each in sealed}
        ciphers = {key_id: cipher for key_id in wanted if (cipher := self._ciphers.get(key_id))}
        ciphers |= self._ciphers_of(self._keys.keys(wanted - ciphers.keys()), generation)
        return [_open(each, ciphers.get(each.key_id)) for each in sealed]

    def _ciphers_of(self, keys: Mapping[str, bytes], generation: int) -> dict[str, AESGCM]:
        ciphers = {key_id: self._ciphers.get(key_id) or AESGCM(key) for key_id, key in keys.items()}
        with self._lock:
            if generation == self._generation:  # else keys were destroyed meanwhile
                self._ciphers.update(ciphers)
                while len(self._ciphers) > self._cache_size:
                    self._ciphers.popitem(last=False)
        return ciphers

    def _drop_destroyed(self) -> int:
        """Clear the cache if the key generation changed; returns the generation."""
        generation = self._keys.generation()
        with self._lock:
            if generation != self._generation:
                self._ciphers.clear()
                self._generation = generation
        return generation


def _open(sealed: Sealed, cipher: AESGCM | None) -> bytes | UnsealError:
    if cipher is None:
        return KeyDestroyed("the key of this body no longer exists")
    bound = associated_data(sealed.schema_version, sealed.platform, sealed.shard, sealed.subject_id, sealed.key_id)
    try:
        return cipher.decrypt(sealed.nonce, sealed.body, bound)
    except (InvalidTag, ValueError):
        return UnsealError("the body or its header was changed, or another key sealed it")
