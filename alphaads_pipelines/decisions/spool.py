"""The decision spool: a record reaches the operating system before its answer leaves the process.

Append-only segments, one per process; length and CRC-32 precede each record, so a torn one is skipped. A forwarder
ships records at least once; consumers deduplicate. Survives a process crash, not power loss (no fsync).
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from alphaads_pipelines.errors import StoreUnavailable, TransientError
from alphaads_pipelines.streams.base import Record, Stream
from alphaads_pipelines.telemetry import get_logger

_HEADER = struct.Struct("<II")
_MOST_BYTES = 16 * 1024 * 1024
_SUFFIX = ".spool"
_DIGITS = 20
_RECORDS_PER_PAUSE, _PAUSE_S = 20, 0.001
_log = get_logger(__name__)


class Spool:
    """One process's segments in a shared folder. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._file: int | None = None
        self._size = 0

    def append(self, record: bytes) -> None:
        """Write one record. Raises StoreUnavailable; then nothing may be answered."""
        framed = _HEADER.pack(len(record), zlib.crc32(record)) + record
        with self._lock:
            try:
                written = os.write(self._segment(), framed)
            except OSError as error:
                self._close()
                raise StoreUnavailable("the decision could not be recorded, so it was not made") from error
            if written != len(framed):
                self._close()  # its CRC makes readers skip the torn record
                raise StoreUnavailable("the decision could not be recorded whole, so it was not made")
            self._size += written

    def _segment(self) -> int:
        if self._file is not None and self._size >= _MOST_BYTES:
            self._close()
        if self._file is None:
            self._path.mkdir(parents=True, exist_ok=True)
            self._file, self._size = _open_segment(self._path), 0
        return self._file

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def close(self) -> None:
        """Close the open segment."""
        with self._lock:
            self._close()


def _open_segment(path: Path) -> int:
    """Create a segment, visible to forwarders only once locked: they remove unlocked ones as ended."""
    segment = path / f"{os.getpid()}-{uuid.uuid4().hex}{_SUFFIX}"
    opening = segment.with_suffix(".opening")
    file = os.open(opening, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_SH)
        opening.rename(segment)
    except OSError:
        os.close(file)
        raise
    return file


def forward(path: Path, stream: Stream, topic: str) -> int:
    """Ship new records of every segment to the stream; the number shipped. One forwarder runs at a time.

    Raises StreamUnavailable; the next call continues.
    """
    if not path.exists():
        return 0
    with (path / "forward.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        return sum(_forward_segment(segment, stream, topic) for segment in sorted(path.glob(f"*{_SUFFIX}")))


def _forward_segment(segment: Path, stream: Stream, topic: str) -> int:
    position = segment.with_suffix(".position")
    with segment.open("rb") as file, _opened(position) as done:
        is_closed = _is_closed(file)
        records = list(_with_pauses(_records(file, int(os.pread(done, _DIGITS, 0) or 0))))
        if records:
            partitions = stream.partitions(topic)
            kept = [Record(each.crc % partitions, each.content) for each in records if not is_blank(each.content)]
            stream.produce(topic, kept)
            _remember(done, records[-1].end)
    if is_closed:
        segment.unlink()
        position.unlink()
    return len(records)


@contextmanager
def _opened(position: Path) -> Iterator[int]:
    """Open a segment's position file, overwritten in place."""
    file = os.open(position, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _remember(done: int, position: int) -> None:
    os.pwrite(done, b"%0*d" % (_DIGITS, position), 0)


def _is_closed(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    fcntl.flock(file, fcntl.LOCK_UN)
    return True


class _Spooled(NamedTuple):
    """A record and the offset after it."""

    end: int
    crc: int
    content: bytes


def _records(file: BinaryIO, start: int) -> Iterator[_Spooled]:
    """Iterate whole records, up to the first torn one."""
    # Read a segment at once: each small read would contend with decisions for the GIL.
    file.seek(start)
    content, at = file.read(), 0
    while at + _HEADER.size <= len(content):
        length, crc = _HEADER.unpack_from(content, at)
        end = at + _HEADER.size + length
        record = content[at + _HEADER.size : end]
        if len(record) != length or zlib.crc32(record) != crc:
            return
        yield _Spooled(start + end, crc, record)
        at = end


def _with_pauses(records: Iterator[_Spooled]) -> Iterator[_Spooled]:
    """Pause between records, so that other threads get the GIL."""
    for number, record in enumerate(records, 1):
        if number % _RECORDS_PER_PAUSE == 0:
            time.sleep(_PAUSE_S)
        yield record


def spooled(path: Path) -> Iterator[bytes]:
    """Every whole record in the spool, shipped or not; read-only."""
    for segment in sorted(path.glob(f"*{_SUFFIX}")):
        try:
            with segment.open("rb") as file:
                yield from (each.content for each in _records(file, 0))
        except FileNotFoundError:
            continue  # shipped and removed meanwhile


def is_blank(record: bytes) -> bool:
    """Whether an erasure blanked the record."""
    return record[:1] == b" " and not record.strip(b" ")


def erase_from_spool(path: Path, ids: Collection[str]) -> int:
    """Blank every record that contains any of the ids, shipped or not; the number blanked.

    Blocks forwarders. Records that other processes append meanwhile are not seen.
    """
    if not path.exists():
        return 0
    wanted = [each.encode() for each in ids]
    with (path / "forward.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return sum(_blank_out(segment, wanted) for segment in sorted(path.glob(f"*{_SUFFIX}")))


def _blank_out(segment: Path, words: Sequence[bytes]) -> int:
    with segment.open("rb+", buffering=0) as file:
        held = [each for each in _records(file, 0) if any(word in each.content for word in words)]
        for each in held:
            blank = b" " * len(each.content)
            framed = _HEADER.pack(len(blank), zlib.crc32(blank)) + blank
            os.pwrite(file.fileno(), framed, each.end - len(framed))
        os.fsync(file.fileno())
    return len(held)


class Forwarder:
    """Forwards the spool in a thread. `start`, `stop`; stopping forwards once more.

    `stream` is called on each pass: decisions continue without it.
    """

    def __init__(self, path: Path, stream: Callable[[], Stream], topic: str, every_s: float = 1.0) -> None:
        self._path, self._stream, self._topic = path, stream, topic
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forwarder", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Forward the rest, and stop."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            is_last = self._stopping.wait(self._every_s)
            try:
                forward(self._path, self._stream(), self._topic)
            except TransientError as error:
                _log.warning("decisions not forwarded", error=error.code)
            except Exception as error:  # noqa: BLE001 - the thread must survive a failed pass
                _log.error("decisions not forwarded", error=type(error).__name__)
            if is_last:
                return
