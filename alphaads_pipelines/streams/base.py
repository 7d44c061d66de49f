"""The interface to the embedded stream and Kafka: produce, query end offsets, read exact ranges.

Nothing subscribes or commits offsets: the ledger alone tracks consumption.
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
    """A record to produce: an explicit partition and opaque bytes."""

    partition: int
    value: bytes


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record in the stream."""

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
    """Poll interval of `wait_beyond`."""

    @abstractmethod
    def ensure_topic(self, topic: str, partitions: int) -> int:
        """Create the topic if missing; returns its number of partitions, which may differ."""

    @abstractmethod
    def partitions(self, topic: str) -> int:
        """Number of partitions. Raises NotFound, StreamUnavailable."""

    @abstractmethod
    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the offset the next record will get. Raises NotFound, StreamUnavailable."""

    @abstractmethod
    def low_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the first offset still held. Raises NotFound, StreamUnavailable."""

    @abstractmethod
    def produce(self, topic: str, records: Sequence[Record]) -> None:
        """Append records, in order within each partition; return when all are durable (acks=all).

        Retries inside one call never duplicate a record.

        Raises
        ------
        StreamUnavailable: some records may not be durable.
        """

    @abstractmethod
    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[list[StoredRecord]]:
        """Read all records of the ranges in chunks, in offset order within a partition.

        A range ends by position, not by count: compacted or transactional topics have gaps.

        Raises
        ------
        OffsetsLost: a range starts below the low watermark; nothing is yielded.
        StreamUnavailable: the broker does not answer in time.
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
    """A stream that can remove single records; their offsets stay, empty."""

    def holding(self, topic: str, ids: Collection[str]) -> Iterator[StoredRecord]:
        """Find records that contain any of the ids (32 hexadecimal digits)."""

    def remove(self, topic: str, records: Collection[StoredRecord]) -> int:
        """Overwrite and remove these records; returns how many."""

    def scrub(self, topic: str, ids: Collection[str | bytes]) -> Mapping[str, int]:
        """Purge removed records from pages and write-ahead log; returns pages and ids still found.

        Parameters
        ----------
        ids: ids or parts of records that occur in removed records only.
        """


@runtime_checkable
class Expiring(Protocol):
    """A stream that keeps every record for its retention and removes none before."""

    def retention(self, topic: str) -> timedelta | None:
        """Maximum time that a record can be read; None: forever."""
