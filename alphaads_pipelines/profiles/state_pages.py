"""Pages of a state: PAGE_HOURS hours of counts as bytes, cheap to read and extend.

An hour is a row of ROW integers: hour within the page, counts, bytes of its topics. Rows are sorted, with two bytes per
integer, or four if any needs them. Topics follow in the same order, per hour a sorted MessagePack list of topic,
mentions, sentiment. The latest hour, where most posts arrive, ends both. Equal counts have equal bytes.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import add

import msgspec

from alphaads_pipelines.errors import SchemaMismatch
from alphaads_pipelines.profiles.count_fields import WIDTH

PAGE_HOURS = 512
ROW = 1 + WIDTH + 1
Topic = tuple[str, int, int]
"""A topic, its mentions, and their sentiment in thousandths."""

_NARROW, _WIDE = "h", "i"
_LEAST, _MOST = -(2**15), 2**15 - 1
_TOPIC = 3
_TOPICS_BYTES = ROW - 1


class StoredPage(msgspec.Struct, array_like=True):
    """A page as stored."""

    is_wide: bool
    rows: bytes
    topics: bytes


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(StoredPage)
_topics_decoder = msgspec.msgpack.Decoder(list[str | int])


class Page:
    """A decoded page; `rows` has ROW integers per hour, sorted, for bulk reads."""

    __slots__ = ("_topics", "rows")

    def __init__(self) -> None:
        self.rows: array[int] = array(_NARROW)
        self._topics = b""

    @classmethod
    def open(cls, raw: msgspec.Raw) -> Page:
        """Decode a page. Raises SchemaMismatch."""
        page = cls()
        try:
            stored = _decoder.decode(raw)
            page.rows = _in_stored_order(array(_WIDE if stored.is_wide else _NARROW, stored.rows))
        except (msgspec.MsgspecError, ValueError) as error:
            raise SchemaMismatch("a page of a profile state cannot be read") from error
        page._topics = stored.topics
        return page

    def close(self) -> msgspec.Raw:
        """Encode the page."""
        rows = self.rows
        if rows.typecode == _WIDE and min(rows) >= _LEAST and max(rows) <= _MOST:
            rows = array(_NARROW, rows)
        stored = _in_stored_order(rows).tobytes()
        return msgspec.Raw(_encoder.encode(StoredPage(rows.typecode == _WIDE, stored, self._topics)))

    def add_hour(self, hour: int, counts: list[int]) -> list[int]:
        """Add counts to an hour within the page; returns the sums."""
        at = self._row_of(hour)
        after = list(map(add, self.rows[at + 1 : at + 1 + WIDTH], counts))
        self._set(at + 1, after)
        return after

    def add_topics(self, hour: int, topics: Sequence[Topic]) -> None:
        """Add topics of an hour within the page, unique and sorted."""
        at = self._row_of(hour)
        is_last = at + ROW == len(self.rows)
        taken = self.rows[at + _TOPICS_BYTES]
        start = len(self._topics) - taken if is_last else sum(self.rows[_TOPICS_BYTES:at:ROW])
        if taken:
            topics = _merge_topics(_decode_topics(self._topics[start : start + taken]), topics)
        flat: list[str | int] = []
        for topic in topics:
            flat += topic
        written = _encoder.encode(flat)
        self._topics = self._topics[:start] + written + self._topics[start + taken :]
        self._set(at + _TOPICS_BYTES, [len(written)])

    def hours(self) -> Iterator[tuple[int, list[int], list[Topic]]]:
        """Each hour, its counts and topics, in order. Raises SchemaMismatch."""
        start, rows = 0, self.rows.tolist()
        for at in range(0, len(rows), ROW):
            end = at + _TOPICS_BYTES
            taken = rows[end]
            yield rows[at], rows[at + 1 : end], _decode_topics(self._topics[start : start + taken]) if taken else []
            start += taken

    def _row_of(self, hour: int) -> int:
        """Start of an hour's row, inserted if new."""
        rows = self.rows
        at = len(rows) if rows and rows[-ROW] < hour else bisect_left(rows[::ROW], hour) * ROW
        if at == len(rows) or rows[at] != hour:
            rows[at:at] = array(rows.typecode, (hour, *[0] * (ROW - 1)))
        return at

    def _set(self, at: int, values: list[int]) -> None:
        try:
            self.rows[at : at + len(values)] = array(self.rows.typecode, values)
        except OverflowError:
            self.rows = array(_WIDE, self.rows)
            self.rows[at : at + len(values)] = array(_WIDE, values)


def _in_stored_order(rows: array[int]) -> array[int]:
    if sys.byteorder == "big":
        rows = array(rows.typecode, rows)
        rows.byteswap()
    return rows


def _decode_topics(topics: bytes) -> list[Topic]:
    try:
        flat = _topics_decoder.decode(topics)
    except msgspec.MsgspecError as error:
        raise SchemaMismatch("the topics of a profile state cannot be read") from error
    return list(zip(flat[::_TOPIC], flat[1::_TOPIC], flat[2::_TOPIC], strict=True))  # type: ignore[arg-type]


def _merge_topics(current: Sequence[Topic], added: Sequence[Topic]) -> list[Topic]:
    sums = {topic: (mentions, milli) for topic, mentions, milli in current}
    for topic, mentions, milli in added:
        held_mentions, held_milli = sums.get(topic, (0, 0))
        sums[topic] = held_mentions + mentions, held_milli + milli
    return [(topic, *counts) for topic, counts in sorted(sums.items())]
