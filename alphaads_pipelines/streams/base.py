"""One interface to the embedded stream and to Kafka: produce, ask where a topic ends, read exactly a range.

Nothing here subscribes or commits offsets: what was read is known to the ledger alone.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import ClassVar, Protocol, Self, runtime_checkable


@dataclass(frozen=True, slots=True)
class Record:
    """What is produced: an explicit partition and opaque bytes."""

    partition: int
    value: bytes


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """What is read back."""

    partition: int
    offset: int
    value: bytes


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """`start` (first) to `end` (one past the last) of one partition."""

    topic: str
    partition: int
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start


class Stream(ABC):
    """A partitioned, durable, append-only log of records. Safe in several processes; close after use."""

    name: ClassVar[str]
    poll_s: ClassVar[float] = 0.1
    """How often a wait asks for the end offsets."""

    @abstractmethod
    def ensure_topic(self, topic: str, partitions: int) -> int:
        """Create the topic if it is not there; the number of partitions that it has (which may be another)."""

    @abstractmethod
    def partitions(self, topic: str) -> int:
        """Number of partitions. Raises NotFound if there is no such topic, StreamUnavailable."""

    @abstractmethod
    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the offset the next record will get. Raises NotFound, StreamUnavailable."""

    @abstractmethod
    def low_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the first offset still held. Raises NotFound, StreamUnavailable."""

    @abstractmethod
    def produce(self, topic: str, records: Sequence[Record]) -> None:
        """Append the records, in order within each partition; return when all are durable (acks=all).

        Idempotent: a retry inside one call never doubles a record.

        Raises
        ------
        StreamUnavailable: not all records could be made durable; some may have been.
        """

    @abstractmethod
    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[list[StoredRecord]]:
        """All records of the ranges, in chunks; in offset order within a partition.

        A range ends by position, not by count: compacted or transactional topics have gaps.

        Raises
        ------
        OffsetsLost: a range starts below the low watermark; nothing is yielded.
        StreamUnavailable: the broker does not answer, or not in time.
        """

    def wait_beyond(self, topic: str, offsets: Mapping[int, int], timeout_s: float) -> dict[int, int]:
        """End offsets as soon as any partition ends beyond `offsets` (absent: 0), or after `timeout_s` seconds."""
        deadline = time.monotonic() + timeout_s
        while True:
            ends = self.end_offsets(topic)
            remaining = deadline - time.monotonic()
            if remaining <= 0 or any(end > offsets.get(partition, 0) for partition, end in ends.items()):
                return ends
            time.sleep(min(self.poll_s, remaining))

    @abstractmethod
    def close(self) -> None:
        """Release connections and files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@runtime_checkable
class Erasable(Protocol):
    """A stream whose single records can be removed: the offsets stay, and nobody reads anything there."""

    def holding(self, topic: str, ids: Collection[str]) -> Iterator[StoredRecord]:
        """Records in which any of the ids (32 hexadecimal digits) stands."""

    def remove(self, topic: str, records: Collection[StoredRecord]) -> int:
        """Overwrite and remove these records; the number removed."""

    def scrub(self, topic: str, ids: Collection[str | bytes]) -> Mapping[str, int]:
        """Make removed records leave pages and write-ahead log; how many pages, and how many of the ids are found.

        Parameters
        ----------
        ids: what stood in the removed records and in no other, ids or parts of records.
        """


@runtime_checkable
class Expiring(Protocol):
    """A stream that keeps every record for its retention and removes none before."""

    def retention(self, topic: str) -> timedelta | None:
        """How long a record can be read at most; None: forever."""
