"""Rotate the key-encryption key without downtime.

1. Add the new key to the key file.
2. Make it wrap new data keys, after transactions that still use the old one.
3. Rewrap every data key in bounded transactions, then the key backups.
4. Remove unused keys from the key file.

The key file is reread after each row, so no reader fails or restarts. If killed, the next rotation resumes.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.privacy.key_ring import KeyRingFile
from alphaads_pipelines.rights.backups.key_backups import KeyBackups
from alphaads_pipelines.stores.sql.relational import reading
from alphaads_pipelines.stores.subjects.key_rotation import activate, rewrap, wrapped_by
from alphaads_pipelines.stores.subjects.subject_keys import forget_on_disk


@dataclass(frozen=True, slots=True)
class Rotated:
    """Result of a rotation.

    Attributes
    ----------
    kek_id: the current key-encryption key.
    rewrapped: data keys rewrapped in the store by this call.
    dropped: keys removed from the key file.
    """

    kek_id: str
    rewrapped: int
    dropped: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """The key-encryption keys.

    Attributes
    ----------
    newest: target of the current or last rotation.
    former: not yet dropped.
    wrapped: id -> data keys in the store that it wraps.
    """

    newest: str
    former: frozenset[str]
    wrapped: dict[str, int]


def key_status(ring: KeyRingFile, engine: Engine) -> KeyStatus:
    """Current keys. Raises StoreUnavailable."""
    with reading(engine) as connection:
        wrapped = wrapped_by(connection)
    current = ring.current()
    return KeyStatus(current.newest, current.former, wrapped)


def rotate(
    ring: KeyRingFile, engine: Engine, backups: KeyBackups, now: datetime, lock: Path, progress: Callable[[int], None]
) -> Rotated:
    """Rotate the key-encryption key, or resume an unfinished rotation.

    Parameters
    ----------
    lock: file lock against concurrent rotations on this host.
    progress: called with the number of newly rewrapped data keys.

    Raises
    ------
    InvalidRequest: another rotation is running.
    StoreUnavailable, UnsealError: stopped without loss; retry to resume.
    """
    with _exclusive(lock):
        kek_id = ring.begin().newest
        activate(engine, kek_id, now)
        rewrapped = rewrap(engine, ring.current, kek_id, progress)
        with backups.opened() as copies:  # the lock keeps new backups from being missed
            for copy in copies:
                rewrap(copy, ring.current, kek_id, lambda _: None)
            dropped = ring.current().former - _in_use([engine, *copies])
            ring.drop(dropped)
        forget_on_disk(engine)
    return Rotated(kek_id, rewrapped, dropped)


def _in_use(engines: list[Engine]) -> set[str]:
    found: set[str] = set()
    for engine in engines:
        with reading(engine) as connection:
            found |= set(wrapped_by(connection))
    return found


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidRequest("a rotation of the keys is running already") from None
        yield
