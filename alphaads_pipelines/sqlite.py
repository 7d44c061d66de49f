"""What every SQLite file of an installation shares: write-ahead logging, and how what was deleted leaves the disk."""

from __future__ import annotations

import mmap
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUSY_S = 30.0
"""How long a statement waits for another process's lock."""

_RETRY_S = 0.01


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
    wal = path.with_name(f"{path.name}-wal")
    found = count_words(path, wanted) + count_words(wal, wanted)
    [pages] = connection.execute("PRAGMA page_count").fetchone()
    return Scrubbed(pages, wal.stat().st_size if wal.exists() else 0, found, vacuumed)


def cut_wal(connection: sqlite3.Connection) -> bool:
    """Copy the write-ahead log into the file and cut it to nothing; False if readers kept it busy for `BUSY_S`."""
    is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def count_words(path: Path, words: Iterable[bytes]) -> int:
    """How many of the words stand in the bytes of a file; 0 if there is none."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return sum(content.find(word) >= 0 for word in words)
    except (FileNotFoundError, ValueError):  # ValueError: an empty file cannot be mapped
        return 0
