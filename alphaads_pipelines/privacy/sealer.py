"""The sealer: AES-256-GCM under the subject's own key, for whole batches.

Source: NIST SP 800-38D; 96-bit random nonces, one key per subject, so that a key seals far fewer than 2^32 bodies.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Sequence
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
    """A body to seal, and whose it is; `identity` None: nobody's, the key of the day seals it."""

    identity: Identity | None
    body: bytes


class Sealed(Protocol):
    """What can be opened: an `Envelope`, or a `SealedBody` from a table."""

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
    """A sealed body with the header that its seal binds."""

    schema_version: int
    platform: str
    shard: int
    subject_id: str
    key_id: str
    nonce: bytes
    body: bytes


class Sealer:
    """Seals and opens bodies; ciphers of recent keys are kept, and dropped as soon as any key is destroyed.

    Parameters
    ----------
    keys: where subjects and their keys are kept.
    shards: the fixed number of shards.
    cache_size: ciphers kept at most.
    """

    def __init__(self, keys: SubjectKeyStore, shards: int, cache_size: int = 100_000) -> None:
        self._keys = keys
        self._shards = shards
        self._cache_size = cache_size
        self._ciphers: OrderedDict[str, AESGCM] = OrderedDict()
        self._generation = -1

    def seal(
        self, platform: str, items: Sequence[Unsealed], correlation_id: str, observed_at: datetime
    ) -> list[Envelope]:
        """One envelope per item, in order. Raises StoreUnavailable when the keys cannot be reached."""
        subjects = self._subjects(items, observed_at)
        self._drop_destroyed()
        observed_us = (observed_at - _EPOCH) // (datetime.resolution)
        nonces = os.urandom(_NONCE_BYTES * len(items))
        envelopes = []
        for index, (item, subject) in enumerate(zip(items, subjects, strict=True)):
            nonce = nonces[index * _NONCE_BYTES : (index + 1) * _NONCE_BYTES]
            bound = associated_data(SCHEMA_VERSION, platform, subject.shard, subject.subject_id, subject.key_id)
            body = self._cipher(subject.key_id, subject.key).encrypt(nonce, item.body, bound)
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
        self._bound_cache()
        return envelopes

    def _subjects(self, items: Sequence[Unsealed], observed_at: datetime) -> list[SubjectKey]:
        identities = list(dict.fromkeys(item.identity for item in items if item.identity is not None))
        found = dict(zip(identities, self._keys.ensure(identities), strict=True))
        if len(found) == 0 or any(item.identity is None for item in items):
            nobody = self._keys.daily_key(observed_at.astimezone(UTC).date())
            return [nobody if item.identity is None else found[item.identity] for item in items]
        return [found[item.identity] for item in items if item.identity is not None]

    def unseal(self, sealed: Sequence[Sealed]) -> list[bytes | UnsealError]:
        """Each body, in order, or why it cannot be opened. Raises StoreUnavailable."""
        self._drop_destroyed()
        missing = {each.key_id for each in sealed} - self._ciphers.keys()
        for key_id, key in self._keys.keys(missing).items():
            self._cipher(key_id, key)
        opened = [self._open(each) for each in sealed]
        self._bound_cache()
        return opened

    def _open(self, sealed: Sealed) -> bytes | UnsealError:
        cipher = self._ciphers.get(sealed.key_id)
        if cipher is None:
            return KeyDestroyed("the key of this body no longer exists")
        bound = associated_data(sealed.schema_version, sealed.platform, sealed.shard, sealed.subject_id, sealed.key_id)
        try:
            return cipher.decrypt(sealed.nonce, sealed.body, bound)
        except (InvalidTag, ValueError):
            return UnsealError("the body or its header was changed, or another key sealed it")

    def _cipher(self, key_id: str, key: bytes) -> AESGCM:
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            cipher = self._ciphers[key_id] = AESGCM(key)
        return cipher

    def _drop_destroyed(self) -> None:
        generation = self._keys.generation()
        if generation != self._generation:
            self._ciphers.clear()
            self._generation = generation

    def _bound_cache(self) -> None:
        while len(self._ciphers) > self._cache_size:
            self._ciphers.popitem(last=False)
