"""Read decisions and events from a consumer's offsets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import msgspec
import orjson

from alphaads_pipelines.bandits.policy_roles import SERVING
from alphaads_pipelines.streams.base import OffsetRange, Stream

Offsets = Mapping[str, Mapping[str, int]]
"""Topic -> partition -> first unread offset; JSON-ready."""
Parse = Callable[[bytes], dict[str, Any] | None]
"""Parse a record's fields; None if it is unusable."""


@dataclass(frozen=True, slots=True)
class NewRecords:
    """Records since the consumer's offsets.

    Parameters
    ----------
    records: usable ones, requested fields only.
    until: partition -> one past the last offset.
    left_out: unusable records.
    is_all: whether the topic's end was reached.
    """

    records: list[dict[str, Any]]
    until: dict[str, int]
    left_out: int
    is_all: bool = True


def read_new_records(stream: Stream, topic: str, offsets: Offsets, fields: tuple[str, ...]) -> NewRecords:
    """Read the topic's records since `offsets`, skipping any that retention removed. Raises StreamUnavailable.

    Parameters
    ----------
    fields: required texts, the last an RFC 3339 time with its offset.
    """
    return read_parsed(stream, topic, offsets, partial(_parsed, fields=fields))


def read_parsed(stream: Stream, topic: str, offsets: Offsets, parse: Parse, most: int | None = None) -> NewRecords:
    """Read with `parse`, at most `most` offsets per partition. Raises StreamUnavailable."""
    ends, lows, read = stream.end_offsets(topic), stream.low_offsets(topic), offsets.get(topic, {})
    ranges = []
    for partition, end in sorted(ends.items()):
        start = min(max(read.get(str(partition), 0), lows[partition]), end)
        ranges.append(OffsetRange(topic, partition, start, end if most is None else min(end, start + most)))
    records, left_out = [], 0
    for chunk in stream.read([each for each in ranges if len(each) > 0]):
        for stored in chunk:
            record = parse(stored.value)
            left_out += record is None
            records += [] if record is None else [record]
    until = {str(each.partition): each.end for each in ranges}
    return NewRecords(records, until, left_out, all(each.end == ends[each.partition] for each in ranges))


def _parsed(value: bytes, fields: tuple[str, ...]) -> dict[str, Any] | None:
    try:
        record = orjson.loads(value)
        named = {name: record[name] for name in fields}
        is_whole = all(isinstance(each, str) for each in named.values())
        return named if is_whole and datetime.fromisoformat(named[fields[-1]]).tzinfo else None
    except (TypeError, KeyError, ValueError):
        return None


_Aware = Annotated[datetime, msgspec.Meta(tz=True)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
_Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Decision(msgspec.Struct):
    """The stored fields of a decision's record (records.py). Defaults mean unknown, for records older than a field; a
    propensity of 0 above all.
    """

    decision_id: str
    arm_id: str
    decided_at: _Aware
    subject_id: str | None = None
    tenant: str = ""
    correlation_id: str = ""
    placement: str = ""
    campaign_id: str | None = None
    creative: dict[str, Any] = {}
    context: dict[str, Any] = {}
    eligible: list[str] = []
    policy: str = ""
    policy_version: _Int64 = 0
    policy_role: str = SERVING
    propensity: _Share = 0.0
    seed: _Int64 = 0
    mood: str | None = None
    personalisation: str = ""
    experiments: dict[str, str] = {}
    version: str = ""
    publish_seq: _Int64 = 0


class _Event(msgspec.Struct):
    decision_id: str
    kind: str
    occurred_at: _Aware


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_decision_decoder, _event_decoder = msgspec.json.Decoder(_Decision), msgspec.json.Decoder(_Event)


def decision_row(value: bytes) -> dict[str, Any] | None:
    """A decision's row of `ad_decisions`, without events; None if invalid or not storable."""
    try:
        record = msgspec.structs.asdict(_decision_decoder.decode(value))
    except _UNREADABLE:
        return None
    creative, version = record.pop("creative"), record.pop("version")
    campaign = record["campaign_id"] if record["campaign_id"] is not None else creative.get("campaign_id")
    row = {**record, "snapshot": version, "campaign_id": campaign if isinstance(campaign, str) else ""}
    return {**row, "decided_at": in_utc(row["decided_at"])} if _is_storable(row) else None


def event_row(value: bytes) -> dict[str, Any] | None:
    """An event's decision_id, kind and occurred_at; None if invalid or not storable."""
    try:
        row = msgspec.structs.asdict(_event_decoder.decode(value))
    except _UNREADABLE:
        return None
    return {**row, "occurred_at": in_utc(row["occurred_at"])} if _is_storable(row) else None


def _is_storable(row: Mapping[str, Any]) -> bool:
    """PostgreSQL rejects NUL in text."""
    return not any(isinstance(each, str) and "\0" in each for each in row.values())


def in_utc(at: datetime) -> datetime:
    """Convert to UTC; clamps to the range of datetime."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return (datetime.min if at.year == 1 else datetime.max).replace(tzinfo=UTC)
