"""A stream whose readers meet, for tests of runs that race for the same records."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from alphaads_pipelines.streams.base import OffsetRange, StoredRecord
from alphaads_pipelines.streams.embedded import EmbeddedStream


class MeetingStream(EmbeddedStream):
    """Readers wait for each other, so that both have read before either writes."""

    def __init__(self, path: Path, readers: int) -> None:
        super().__init__(path)
        self.meeting = threading.Barrier(readers, timeout=300)

    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[list[StoredRecord]]:
        found = list(super().read(ranges))
        self.meeting.wait()
        return iter(found)
