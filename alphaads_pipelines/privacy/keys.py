"""Subject keys: random data keys, one per subject, wrapped by the key-encryption key.

Never derived: a derived key could be recreated after deletion. See `stores/subjects/subject_keys.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A platform identity: HMAC-SHA256 of platform and author id, 32 bytes."""

    mac: bytes
    platform: str


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A subject and its data key (32 bytes). Never logged."""

    subject_id: str
    shard: int
    key_id: str
    key: bytes

    def __repr__(self) -> str:
        return f"SubjectKey(subject_id={self.subject_id!r}, key_id={self.key_id!r}, key=<hidden>)"


class SubjectKeyStore(ABC):
    """Store of subject ids and wrapped data keys."""

    @abstractmethod
    def ensure(self, identities: Sequence[Identity]) -> list[SubjectKey]:
        """Find or create the subject of each identity, in order: one read and one insert per batch.

        An identity gets the same subject in racing processes.
        """

    @abstractmethod
    def find(self, identity: Identity) -> str | None:
        """The subject id of an identity, or None; creates nothing."""

    @abstractmethod
    def keys(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        """Read the data keys in one batch; destroyed keys are absent."""

    @abstractmethod
    def daily_key(self, day: date) -> SubjectKey:
        """The key of a UTC day for unattributed payloads; it expires after 30 days."""

    @abstractmethod
    def destroy(self, subject_id: str) -> int:
        """Destroy a subject's keys and identity mapping; returns the number of keys."""

    @abstractmethod
    def destroy_expired(self, now: datetime) -> int:
        """Destroy expired daily keys; returns the number of keys."""

    @abstractmethod
    def generation(self) -> int:
        """Changes whenever any process destroys a key; visible within half a second."""
