"""What every SQLite file of an installation shares: write-ahead logging, entered by several processes at once."""

from __future__ import annotations

import sqlite3
import time
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
