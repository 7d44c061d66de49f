"""What every SQLite file of an installation shares: write-ahead logging, and how what was deleted leaves the disk."""

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
"""How long a statement waits for another process's lock."""

LONG_WAL_BYTES = 64 << 20
"""A write-ahead log longer than this is copied back by a thread.

Copying waits for the disk. In a large file, whose changed pages lie anywhere, it takes several times as long as the
commits that filled the log, so no commit should be the one that does it.
"""

_MOST_WAL_PAGES = 4 * LONG_WAL_BYTES // 4096
"""Of a log that threads do not get copied, because they are killed or readers hold it: then a commit does."""

_RETRY_S = 0.01
_TRIES = 100
_TRY_S = 0.001

_copies: dict[Path, threading.Thread] = {}
_starting = threading.Lock()


def enter_wal(connection: Any) -> None:
    """Switch a file to write-ahead logging; fsync at checkpoints only, so a commit survives a process, not a power cut.

    Raises
    ------
    sqlite3.OperationalError: the file stayed locked for `BUSY_S` seconds, or cannot be written.
    """
    # Of processes that open a new file at once one enters WAL mode, and SQLite tells the others busy without a wait.
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
    """Let commits through `connection` leave a long log to `copy_long_wal`, which is to be called after each."""
    connection.execute(f"PRAGMA wal_autocheckpoint={_MOST_WAL_PAGES}")
    # A log that begins anew keeps the length of its file but for this; the length is to tell how much is in it.
    connection.execute(f"PRAGMA journal_size_limit={LONG_WAL_BYTES // 2}")


def copy_long_wal(path: Path) -> None:
    """Copy the log of the file into it, in a thread, if the log is long; readers and writers go on meanwhile."""
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
    """Return when no thread of this process copies the file's log."""
    if copy := _copies.get(path):
        copy.join()


def _copy_wal(path: Path) -> None:
    # What goes wrong here goes wrong for the commits, too, and they tell; the next one tries again.
    uri = f"{path.resolve().as_uri()}?mode=rw"
    with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True, timeout=0)) as file:
        file.execute("PRAGMA synchronous=NORMAL")
        # Who writes without a pause has written more meanwhile, and a log begins anew only when all of it is copied. So
        # the second time little is left, and what is left then is copied in the way of writers.
        file.execute("PRAGMA wal_checkpoint(PASSIVE)")
        file.execute("PRAGMA wal_checkpoint(PASSIVE)")
        for _ in range(_TRIES):
            is_busy, *_ = file.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            if not is_busy:
                return
            time.sleep(_TRY_S)


@lru_cache  # asked after each commit
def wal_of(path: Path) -> Path:
    """The write-ahead log of a file."""
    return path.with_name(f"{path.name}-wal")


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What a file and its write-ahead log look like after `scrub`.

    Attributes
    ----------
    pages: of the file. wal_bytes: of the log; 0 unless somebody wrote meanwhile.
    found: how many of the words still stand in either. vacuumed: whether the file had to be written anew.
    """

    pages: int
    wal_bytes: int
    found: int
    vacuumed: bool


def scrub(connection: sqlite3.Connection, path: Path, words: Iterable[bytes]) -> Scrubbed:
    """Make deleted content leave the disk; the words, in page, free page or log, tell whether it did.

    `secure_delete` overwrites a deleted cell, but the log still holds the page from before, and a page that was split
    may hold a stale copy. So the log is copied and cut, and if a word is left then, the file is written anew (VACUUM).

    Parameters
    ----------
    connection: to the file, in no transaction. path: of the file. words: that were deleted.
    """
    wanted = list(words)
    cut_wal(connection)
    vacuumed = False
    if count_words(path, wanted):
        connection.execute("PRAGMA temp_store=FILE")  # a copy of the whole file does not fit in memory
        connection.execute("VACUUM")
        connection.execute("PRAGMA temp_store=MEMORY")
        cut_wal(connection)
        vacuumed = True
    wal = wal_of(path)
    found = count_words(path, wanted) + count_words(wal, wanted)
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    return Scrubbed(pages, wal.stat().st_size if wal.exists() else 0, found, vacuumed)


def cut_wal(connection: sqlite3.Connection) -> bool:
    """Copy the write-ahead log into the file and cut it to nothing; False if others kept it busy for `BUSY_S`."""
    # SQLite waits for readers, but not for another who copies.
    deadline = time.monotonic() + BUSY_S
    while True:
        is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not is_busy or time.monotonic() > deadline:
            return not is_busy
        time.sleep(_RETRY_S)


def count_words(path: Path, words: Iterable[bytes]) -> int:
    """How many of the words stand in the bytes of a file; 0 if there is none."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return sum(content.find(word) >= 0 for word in words)
    except (FileNotFoundError, ValueError):  # ValueError: an empty file cannot be mapped
        return 0
