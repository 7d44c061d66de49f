"""Remove stream records past retention."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol, runtime_checkable

from alphaads_pipelines.streams.base import Stream


@runtime_checkable
class Trimmable(Protocol):
    """A stream without retention of its own."""

    def trim_older_than(self, topic: str, cutoff: datetime) -> int:
        """Remove records appended before `cutoff`; returns how many."""


def trim_streams(stream: Stream, topics: Iterable[str], cutoff: datetime) -> int:
    """Remove older records from the topics; returns how many, 0 if the stream has its own retention."""
    if not isinstance(stream, Trimmable):
        return 0
    return sum(stream.trim_older_than(topic, cutoff) for topic in topics)
