"""Subject keys: the abstract store of random data keys, one per subject, wrapped by the key-encryption key.

Keys are never derived: a derived key could be made again after its deletion. The SQL implementation lives in
`stores/subjects/subject_keys.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """A platform identity, as a keyed hash: HMAC-SHA256 of platform and author id, 32 bytes."""

    mac: bytes
    platform: str


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A subject with the data key (32 bytes) that seals what they write. Never logged."""

    subject_id: str
    shard: int
    key_id: str
    key: bytes

    def __repr__(self) -> str:
        return f"SubjectKey(subject_id={self.subject_id!r}, key_id={self.key_id!r}, key=<hidden>)"


class SubjectKeyStore(ABC):
    """Where subject ids and their wrapped data keys are kept."""

    @abstractmethod
    def ensure(self, identities: Sequence[Identity]) -> list[SubjectKey]:
        """The subject of each identity, in order, made where there is none: one read and one insert per batch.

        Safe in racing processes: the same identity always gets the same subject.
        """

    @abstractmethod
    def find(self, identity: Identity) -> str | None:
        """The subject id of an identity, or None; makes nothing."""

    @abstractmethod
    def keys(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        """The data keys that still exist, read in one batch; a destroyed key is absent."""

    @abstractmethod
    def daily_key(self, day: date) -> SubjectKey:
        """The key of the day (UTC) for payloads that nobody can be attributed to; it expires 30 days later."""

    @abstractmethod
    def destroy(self, subject_id: str) -> int:
        """Destroy the subject's keys and identity mapping; the number of keys destroyed."""

    @abstractmethod
    def destroy_expired(self, now: datetime) -> int:
        """Destroy daily keys whose time is over; the number of keys destroyed."""

    @abstractmethod
    def generation(self) -> int:
        """Moves whenever a key is destroyed, by any process; seen at most half a second late."""
