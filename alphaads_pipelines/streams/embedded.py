"""The embedded stream: a durable log on disk, one SQLite file (WAL) per topic, for several processes.

Commits survive a process's death, but with `synchronous=NORMAL` not necessarily a power cut. Trimmed records are
overwritten (`secure_delete`): they hold people's sealed posts.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import ClassVar

from alphaads_pipelines.errors import InvalidRequest, NotFound, OffsetsLost, StreamUnavailable
from alphaads_pipelines.sqlite import BUSY_S, enter_wal, scrub
from alphaads_pipelines.streams.base import OffsetRange, Record, StoredRecord, Stream

_CHUNK = 5_000
_ID = re.compile(rb"[0-9a-f]{32}")
_AT_ONCE = 50
"""Rows per statement: under load a hundred rows inserted singly take six times as long, as the GIL changes hands for
each."""
_OFFSET_BITS = 48  # position = partition << 48 | offset: one integer key clusters partitions on disk
_READ = "SELECT position, value FROM messages WHERE position >= ? AND position < ? ORDER BY position"
_READ_HOLDING = """
SELECT position, value FROM messages WHERE position >= ? AND position < ? AND instr(value, ?) ORDER BY position
"""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS heads (
    partition INTEGER PRIMARY KEY, low_offset INTEGER NOT NULL, next_offset INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS appends (
    partition INTEGER NOT NULL, end_offset INTEGER NOT NULL, appended_at INTEGER NOT NULL,
    PRIMARY KEY (partition, end_offset)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS messages (position INTEGER PRIMARY KEY, value BLOB NOT NULL);
"""


def _position(partition: int, offset: int) -> int:
    return (partition << _OFFSET_BITS) | offset


def _insert(connection: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    places = ", ".join([f"({', '.join('?' * len(rows[0]))})"] * len(rows))
    connection.execute(f"INSERT INTO {table} VALUES {places}", [*chain.from_iterable(rows)])  # noqa: S608 - placeholders


class EmbeddedStream(Stream):
    """Topics under one folder. Connections are opened on first use, per thread and process."""

    name: ClassVar[str] = "embedded"
    poll_s: ClassVar[float] = 0.02

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._clock = clock
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []

    def ensure_topic(self, topic: str, partitions: int) -> int:
        """Create the topic if missing; returns its number of partitions."""
        self._path.mkdir(parents=True, exist_ok=True)
        with self._translated(), self._writing(topic, create=True) as connection:
            found: int = connection.execute("SELECT count(*) FROM heads").fetchone()[0]
            if not found:
                heads = [(partition,) for partition in range(partitions)]
                connection.executemany("INSERT INTO heads VALUES (?, 0, 0)", heads)
        return found or partitions

    def partitions(self, topic: str) -> int:
        """Number of partitions."""
        return len(self._heads(topic))

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the offset the next record will get."""
        return {partition: end for partition, _, end in self._heads(topic)}

    def low_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the first offset still held."""
        return {partition: low for partition, low, _ in self._heads(topic)}

    def produce(self, topic: str, records: Sequence[Record]) -> None:
        """Append all records in one transaction."""
        if not records:
            return
        with self._translated(), self._writing(topic) as connection:
            ends = {partition: end for partition, _, end in connection.execute("SELECT * FROM heads")}
            rows = []
            for record in records:
                if record.partition not in ends:
                    raise InvalidRequest(f"topic {topic} has no partition {record.partition}")
                rows.append((_position(record.partition, ends[record.partition]), record.value))
                ends[record.partition] += 1
            rows.sort()
            for start in range(0, len(rows), _AT_ONCE):
                _insert(connection, "messages", rows[start : start + _AT_ONCE])
            self._move_heads(connection, Counter(record.partition for record in records), ends)

    def _move_heads(self, connection: sqlite3.Connection, added: Mapping[int, int], ends: Mapping[int, int]) -> None:
        now = int(self._clock().timestamp() * 1_000_000)
        moved = {partition: ends[partition] for partition in added}
        cases = " ".join(["WHEN ? THEN ?"] * len(moved))
        connection.execute(
            f"UPDATE heads SET next_offset = CASE partition {cases} ELSE next_offset END",  # noqa: S608 - placeholders
            [*chain.from_iterable(moved.items())],
        )
        _insert(connection, "appends", [(partition, end, now) for partition, end in moved.items()])

    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[list[StoredRecord]]:
        """Read all records of the ranges in chunks."""
        for each in ranges:
            low = self.low_offsets(each.topic)[each.partition]
            if each.start < low and each.start < each.end:
                raise OffsetsLost(each.topic, each.partition, each.start, low)
        for each in ranges:
            for start in range(each.start, each.end, _CHUNK):
                if chunk := self._chunk(each, start, min(start + _CHUNK, each.end)):
                    yield chunk

    def _chunk(
        self, where: OffsetRange, start: int, end: int, query: str = _READ, words: Iterable[bytes] = ()
    ) -> list[StoredRecord]:
        base = _position(where.partition, 0)
        with self._translated():
            rows = self._connection(where.topic).execute(query, (base + start, base + end, *words))
            return [StoredRecord(where.partition, position - base, value) for position, value in rows]

    def trim(self, topic: str, before: Mapping[int, int]) -> int:
        """Remove records below `before` per partition; returns how many."""
        removed = 0
        with self._translated(), self._writing(topic) as connection:
            for partition, low in before.items():
                deleted = connection.execute(
                    "DELETE FROM messages WHERE position >= ? AND position < ?",
                    (_position(partition, 0), _position(partition, low)),
                )
                removed += deleted.rowcount
                connection.execute(
                    "UPDATE heads SET low_offset = max(low_offset, min(?, next_offset)) WHERE partition = ?",
                    (low, partition),
                )
                connection.execute("DELETE FROM appends WHERE partition = ? AND end_offset <= ?", (partition, low))
        return removed

    def trim_older_than(self, topic: str, cutoff: datetime) -> int:
        """Remove records appended before `cutoff`; returns how many."""
        limit = int(cutoff.timestamp() * 1_000_000)
        with self._translated():
            ends = self._connection(topic).execute(
                "SELECT partition, max(end_offset) FROM appends WHERE appended_at < ? GROUP BY partition", (limit,)
            )
            before = dict(ends.fetchall())
        return self.trim(topic, before) if before else 0

    def holding(self, topic: str, ids: Collection[str]) -> Iterator[StoredRecord]:
        """Find records that contain any of the ids."""
        wanted = frozenset(each.encode() for each in ids)
        for partition, low, end in self._heads(topic):
            for start in range(low, end, _CHUNK):
                where = OffsetRange(topic, partition, start, min(start + _CHUNK, end))
                yield from self._chunk_of(where, wanted)

    def _chunk_of(self, where: OffsetRange, ids: frozenset[bytes]) -> list[StoredRecord]:
        if len(ids) == 1:  # SQLite finds a single word faster, without copying other rows
            return self._chunk(where, where.start, where.end, _READ_HOLDING, ids)
        records = self._chunk(where, where.start, where.end)
        return [each for each in records if not ids.isdisjoint(_ID.findall(each.value))]

    def remove(self, topic: str, records: Collection[StoredRecord]) -> int:
        """Overwrite and remove these records; returns how many."""
        positions = [(_position(each.partition, each.offset),) for each in records]
        with self._translated(), self._writing(topic) as connection:
            return connection.executemany("DELETE FROM messages WHERE position = ?", positions).rowcount

    def scrub(self, topic: str, ids: Collection[str | bytes]) -> Mapping[str, int]:
        """Purge removed records from pages and write-ahead log."""
        with self._translated():
            words = [each.encode() if isinstance(each, str) else each for each in ids]
            done = scrub(self._connection(topic), self._file(topic), words)
        return {"pages": done.pages, "wal_bytes": done.wal_bytes, "vacuumed": int(done.vacuumed), "found": done.found}

    def close(self) -> None:
        """Close every connection this object opened."""
        while self._opened:
            self._opened.pop().close()
        self._local = threading.local()

    def _heads(self, topic: str) -> list[tuple[int, int, int]]:
        with self._translated():
            return self._connection(topic).execute("SELECT partition, low_offset, next_offset FROM heads").fetchall()

    def _file(self, topic: str) -> Path:
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic):
            raise InvalidRequest("a topic is named with letters, digits, dots, underscores and hyphens")
        return self._path / f"{topic}.db"

    def _connection(self, topic: str, *, create: bool = False) -> sqlite3.Connection:
        cache: dict[tuple[int, str], sqlite3.Connection] = self._local.__dict__.setdefault("connections", {})
        key = (os.getpid(), topic)
        if key not in cache:
            cache[key] = self._open(topic, create=create)
        return cache[key]

    def _open(self, topic: str, *, create: bool) -> sqlite3.Connection:
        file = self._file(topic)
        if not create and not file.exists():
            raise NotFound(f"there is no topic {topic}")
        connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        enter_wal(connection)
        for pragma in ("secure_delete=ON", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}")
        if create:
            connection.executescript(_SCHEMA)
        self._opened.append(connection)
        return connection

    @contextmanager
    def _writing(self, topic: str, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        connection = self._connection(topic, create=create)
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StreamUnavailable(f"the embedded stream did not answer: {error}") from error
