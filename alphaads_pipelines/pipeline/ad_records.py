"""Reading decisions and events from where a consumer stopped: shared by whoever learns from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from alphaads_pipelines.streams.base import OffsetRange, Stream

Offsets = Mapping[str, Mapping[str, int]]
"""Topic -> partition -> first offset that was not read; JSON-ready."""


@dataclass(frozen=True, slots=True)
class News:
    """What came in since.

    Parameters
    ----------
    records: those that have the fields that were asked for, and of them nothing else.
    until: partition -> one past the last offset.
    left_out: how many records do not have the fields.
    """

    records: list[dict[str, Any]]
    until: dict[str, int]
    left_out: int


def read_news(stream: Stream, topic: str, offsets: Offsets, fields: tuple[str, ...]) -> News:
    """The topic's records since `offsets`; what retention removed meanwhile is passed over.

    Parameters
    ----------
    fields: texts that a record must have, the last of them an RFC 3339 time with its offset.

    Raises
    ------
    StreamUnavailable
    """
    ends, lows, read = stream.end_offsets(topic), stream.low_offsets(topic), offsets.get(topic, {})
    ranges = [
        OffsetRange(topic, partition, min(max(read.get(str(partition), 0), lows[partition]), end), end)
        for partition, end in sorted(ends.items())
    ]
    records, left_out = [], 0
    for chunk in stream.read([each for each in ranges if len(each) > 0]):
        for stored in chunk:
            record = _parsed(stored.value, fields)
            left_out += record is None
            records += [] if record is None else [record]
    return News(records, {str(partition): end for partition, end in sorted(ends.items())}, left_out)


def _parsed(value: bytes, fields: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        record = orjson.loads(value)
        named = {name: record[name] for name in fields}
        is_whole = all(isinstance(each, str) for each in named.values())
        return named if is_whole and datetime.fromisoformat(named[fields[-1]]).tzinfo else None
    except (TypeError, KeyError, ValueError):
        return None
