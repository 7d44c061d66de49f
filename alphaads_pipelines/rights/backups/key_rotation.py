"""Rotation of the key-encryption key while everything runs: new key, everything rewrapped, old key gone.

1. The new key is written into the key file beside the old one.
2. The store says that it wraps new data keys. That waits for transactions that still wrap by the old one.
3. Every data key is wrapped anew, in bounded transactions; then those in the key backups.
4. What wraps nothing any more leaves the key file.

Readers and sealers look into the key file behind each row that they unwrap, so none needs a restart and none fails.
Killed anywhere, the next rotation goes on with the one that was begun.
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
    """What a rotation did.

    Attributes
    ----------
    kek_id: the key-encryption key that wraps everything now.
    rewrapped: data keys in the store that were wrapped anew by this call.
    dropped: key-encryption keys that left the key file.
    """

    kek_id: str
    rewrapped: int
    dropped: frozenset[str]


@dataclass(frozen=True, slots=True)
class KeyStatus:
    """Which key-encryption keys there are.

    Attributes
    ----------
    newest: what everything is wrapped by once no rotation runs.
    former: those that a rotation which was begun has not dropped yet.
    wrapped: id -> data keys in the store that it wraps.
    """

    newest: str
    former: frozenset[str]
    wrapped: dict[str, int]


def key_status(ring: KeyRingFile, engine: Engine) -> KeyStatus:
    """The keys now. Raises StoreUnavailable."""
    with reading(engine) as connection:
        wrapped = wrapped_by(connection)
    current = ring.current()
    return KeyStatus(current.newest, current.former, wrapped)


def rotate(
    ring: KeyRingFile, engine: Engine, backups: KeyBackups, now: datetime, lock: Path, progress: Callable[[int], None]
) -> Rotated:
    """Rotate the key-encryption key, or finish a rotation that was begun.

    Parameters
    ----------
    lock: a file that two rotations on this host would both lock.
    progress: told how many data keys were wrapped anew since it was last told.

    Raises
    ------
    InvalidRequest: a rotation runs already.
    StoreUnavailable, UnsealError: it stopped; nothing is lost, and the next call goes on.
    """
    with _alone(lock):
        kek_id = ring.begin().newest
        activate(engine, kek_id, now)
        rewrapped = rewrap(engine, ring.current, kek_id, progress)
        with backups.opened() as copies:  # none is made meanwhile, so none is missed
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
def _alone(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidRequest("a rotation of the keys is running already") from None
        yield
