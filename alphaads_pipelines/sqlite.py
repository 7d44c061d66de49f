"""SQLite maintenance: write-ahead logging, checkpoints, and removal of deleted content from the disk."""

from __future__ import annotations

import mmap
import sqlite3
import threading
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

BUSY_S = 30.0
"""Timeout for another process's lock."""

LONG_WAL_BYTES = 64 << 20
"""Size above which a thread checkpoints the write-ahead log.

A checkpoint waits for the disk. In a large file with scattered changes it takes several times as long as the commits
that filled the log, so it stays out of the commit path.
"""

_MOST_WAL_PAGES = 4 * LONG_WAL_BYTES // 4096
"""Log size at which a commit checkpoints after all, because threads were killed or blocked by readers."""

_RETRY_S = 0.01
_TRIES = 100
_TRY_S = 0.001

_copies: dict[Path, threading.Thread] = {}
_starting = threading.Lock()


def enter_wal(connection: Any) -> None:
    """Switch a file to write-ahead logging; fsync at checkpoints only, so a commit survives a process, not a power cut.

    Raises
    ------
    sqlite3.OperationalError: the file stayed locked for `BUSY_S` seconds, or is not writable.
    """
    # If processes open a new file at once, one enters WAL mode and the others get SQLITE_BUSY without a timeout.
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
    connection.execute("PRAGMA synchronous=NORMAL")


def leave_copying_to_threads(connection: Any) -> None:
    """Let commits through `connection` leave a long log to `copy_long_wal`; call that after each commit."""
    connection.execute(f"PRAGMA wal_autocheckpoint={_MOST_WAL_PAGES}")
    # Truncates the log file when it restarts, so that its size reflects its content.
    connection.execute(f"PRAGMA journal_size_limit={LONG_WAL_BYTES // 2}")


def copy_long_wal(path: Path) -> None:
    """Checkpoint the file's log in a thread if it is long; readers and writers continue meanwhile."""
    try:
        is_long = wal_of(path).stat().st_size > LONG_WAL_BYTES
    except FileNotFoundError:
        return
    if not is_long:
        return
    with _starting:
        if path not in _copies or not _copies[path].is_alive():
            _copies[path] = threading.Thread(target=_copy_wal, args=(path,), name="copy of a log")
            _copies[path].start()


def wait_for_copy(path: Path) -> None:
    """Wait for this process's checkpoint thread of the file."""
    if copy := _copies.get(path):
        copy.join()


def _copy_wal(path: Path) -> None:
    # Errors are suppressed: commits hit and report the same ones, and the next commit retries.
    uri = f"{path.resolve().as_uri()}?mode=rw"
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True, timeout=0)) as file:
        file.execute("PRAGMA synchronous=NORMAL")
        # Busy writers append meanwhile, and a log restarts only once all of it is copied. The second pass leaves
        # little, and RESTART, which blocks writers, copies the rest.
        file.execute("PRAGMA wal_checkpoint(PASSIVE)")
        file.execute("PRAGMA wal_checkpoint(PASSIVE)")
        for _ in range(_TRIES):
            is_busy, *_ = file.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            if not is_busy:
                return
            time.sleep(_TRY_S)


@lru_cache  # called after each commit
def wal_of(path: Path) -> Path:
    """Return the path of a file's write-ahead log."""
    return path.with_name(f"{path.name}-wal")


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """State of a file and its write-ahead log after `scrub`.

    Attributes
    ----------
    pages: of the file. wal_bytes: of the log; 0 unless there were writes meanwhile.
    found: number of words still present in either. vacuumed: whether the file was rewritten.
    """

    pages: int
    wal_bytes: int
    found: int
    vacuumed: bool


def scrub(connection: sqlite3.Connection, path: Path, words: Iterable[bytes]) -> Scrubbed:
    """Remove deleted content from the disk, and verify that the words are gone from pages, free pages and log.

    `secure_delete` overwrites a deleted cell, but the log still holds the old page, and a split page may hold a stale
    copy. So the log is checkpointed and truncated, and if a word remains, the file is rewritten (VACUUM).

    Parameters
    ----------
    connection: outside a transaction. words: deleted content.
    """
    wanted = list(words)
    cut_wal(connection)
    vacuumed = False
    if count_words(path, wanted):
        connection.execute("PRAGMA temp_store=FILE")  # the copy of the file may not fit in memory
        connection.execute("VACUUM")
        connection.execute("PRAGMA temp_store=MEMORY")
        cut_wal(connection)
        vacuumed = True
    wal = wal_of(path)
    found = count_words(path, wanted) + count_words(wal, wanted)
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    return Scrubbed(pages, wal.stat().st_size if wal.exists() else 0, found, vacuumed)


def cut_wal(connection: sqlite3.Connection) -> bool:
    """Checkpoint and truncate the write-ahead log; False if others kept it busy for `BUSY_S`."""
    # SQLite's busy timeout covers readers, but not another checkpoint.
    deadline = time.monotonic() + BUSY_S
    while True:
        is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not is_busy or time.monotonic() > deadline:
            return not is_busy
        time.sleep(_RETRY_S)


def count_words(path: Path, words: Iterable[bytes]) -> int:
    """Count the words that occur in the bytes of a file; 0 if the file does not exist."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return sum(content.find(word) >= 0 for word in words)
    except (FileNotFoundError, ValueError):  # ValueError: an empty file cannot be mapped
        return 0
