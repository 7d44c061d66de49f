"""Subject keys in the relational store: random data keys, wrapped by a key-encryption key (KEK) of the key ring.

Writers lock the row of `active_kek`, the KEK for new rows, so a rotation (key_rotation.py) knows when the old one is
out of use. The ring is read after the rows: it holds their KEKs unless they were just rewrapped.

Check `generation` before using a cached key: any key destruction changes it.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.privacy.key_ring import KekMissing, KeyRing
from alphaads_pipelines.privacy.keys import Identity, SubjectKey, SubjectKeyStore
from alphaads_pipelines.sqlite import cut_wal
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in, sql_table, transaction
from alphaads_pipelines.telemetry import get_logger

DAILY_KEY_LIFETIME = timedelta(days=30)
_POLL_S = 0.5
_KEY_BYTES = 32
_MISSING_CHUNK = 5_000
_GENERATION_ROW = ACTIVE_ROW = 1

T = TypeVar("T")
_log = get_logger(__name__)


class RelationalSubjectKeys(SubjectKeyStore):
    """Subjects and keys in `subjects` and `subject_keys`.

    Parameters
    ----------
    ring: returns the current key-encryption keys; called at every use.
    cache_size: maximum number of cached subjects.
    suppressed: filters identity macs to erased ones in a transaction; those get no new subject.
    """

    def __init__(
        self,
        engine: Engine,
        ring: Callable[[], KeyRing],
        shards: int,
        cache_size: int = 100_000,
        suppressed: Callable[[Connection, Sequence[bytes]], set[bytes]] = lambda *_: set(),
    ) -> None:
        self._engine = engine
        self._suppressed = suppressed
        self._ring = ring
        self._shards = shards
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, SubjectKey] = OrderedDict()
        self._daily: dict[date, SubjectKey] = {}
        self._generation = -1
        self._polled_at = float("-inf")
        self._lock = threading.Lock()  # guards the caches and their generation
        self._is_kek_verified = False

    def ensure(self, identities: Sequence[Identity]) -> list[SubjectKey]:
        """See SubjectKeyStore."""
        generation = self.generation()
        found = {each.mac: key for each in identities if (key := self._cache.get(each.mac))}
        missing = [each for each in dict.fromkeys(identities) if each.mac not in found]
        if missing:
            known = _retry_after_rotation(lambda: self._read([each.mac for each in missing]))
            if new := [each for each in missing if each.mac not in known]:
                _retry_after_rotation(lambda: self._insert(new))
                known |= _retry_after_rotation(lambda: self._read([each.mac for each in new]))
            self._remember(known, generation)
            found |= known
        if any(each.mac not in found for each in missing):
            raise self._erased_meanwhile()
        return [found[each.mac] for each in identities]

    def find(self, identity: Identity) -> str | None:
        """The subject id of an identity, or None."""
        with reading(self._engine) as connection:
            rows = select_in(connection, "subjects", "identity_mac", [identity.mac], ["subject_id"])
        return rows[0].subject_id if rows else None

    def keys(self, key_ids: Iterable[str]) -> dict[str, bytes]:
        """The data keys that still exist."""
        wanted = list(key_ids)
        if not wanted:
            return {}
        return _retry_after_rotation(lambda: self._read_keys(wanted))

    def _read_keys(self, key_ids: Sequence[str]) -> dict[str, bytes]:
        with reading(self._engine) as connection:
            rows = select_in(connection, "subject_keys", "key_id", key_ids)
        ring = self._ring()
        return {row.key_id: _unwrapped(ring, row) for row in rows}

    def daily_key(self, day: date) -> SubjectKey:
        """The key of the day, created on first use."""
        generation = self.generation()
        if held := self._daily.get(day):
            return held
        made = _retry_after_rotation(lambda: self._make_daily(day))
        with self._lock:
            if generation == self._generation:
                self._daily[day] = made
        return made

    def _make_daily(self, day: date) -> SubjectKey:
        subject_id = key_id = f"daily-{day.isoformat()}"
        expires_at = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAILY_KEY_LIFETIME
        with transaction(self._engine) as connection:
            ring, kek_id = self._ready_ring(connection)
            insert_ignore(connection, "subject_keys", [_new_key(ring, kek_id, subject_id, key_id, expires_at)])
            [row] = select_in(connection, "subject_keys", "key_id", [key_id])
        return SubjectKey(subject_id, self._shard(subject_id), key_id, _unwrapped(self._ring(), row))

    def destroy(self, subject_id: str) -> int:
        """See SubjectKeyStore."""
        with transaction(self._engine) as connection:
            destroyed = self.destroy_in(connection, subject_id)
        forget_on_disk(self._engine)
        return destroyed

    def destroy_in(self, connection: Connection, subject_id: str) -> int:
        """Destroy in the caller's transaction; rows deleted afterwards cannot be republished."""
        keys, subjects = sql_table("subject_keys"), sql_table("subjects")
        self._move_generation(connection)  # first: waits for publishing transactions (`holding_keys`)
        destroyed = connection.execute(keys.delete().where(keys.c.subject_id == subject_id)).rowcount
        connection.execute(subjects.delete().where(subjects.c.subject_id == subject_id))
        return destroyed

    def destroy_expired(self, now: datetime) -> int:
        """Destroy expired daily keys."""
        keys = sql_table("subject_keys")
        with transaction(self._engine) as connection:
            destroyed = connection.execute(keys.delete().where(keys.c.expires_at <= now)).rowcount
            if destroyed:
                self._move_generation(connection)
        if destroyed:
            forget_on_disk(self._engine)
        return destroyed

    def make_missing(self) -> int:
        """Create a key for every subject without one, after keys were lost; returns how many.

        Bodies sealed with lost keys stay sealed.
        """
        keys, subjects = sql_table("subject_keys"), sql_table("subjects")
        has_key = sa.exists().where(keys.c.subject_id == subjects.c.subject_id)
        without = sa.select(subjects.c.subject_id).where(~has_key).distinct().limit(_MISSING_CHUNK)
        made = 0
        while True:
            with transaction(self._engine) as connection:
                ring, kek_id = self._ready_ring(connection)
                found = connection.execute(without).scalars().all()
                rows = [_new_key(ring, kek_id, subject_id, uuid.uuid4().hex, None) for subject_id in found]
                insert_ignore(connection, "subject_keys", rows)
                self._move_generation(connection)
            made += len(found)
            if not found:
                return made

    def generation(self) -> int:
        """Number of key destructions, at most half a second old."""
        if time.monotonic() - self._polled_at >= _POLL_S:
            table = sql_table("key_generation")
            with reading(self._engine) as connection:
                generation = connection.execute(sa.select(table.c.generation)).scalar() or 0
            self._polled_at = time.monotonic()
            with self._lock:
                if generation != self._generation:
                    self._cache.clear()
                    self._daily.clear()
                    self._generation = generation
        return self._generation

    def _move_generation(self, connection: Connection) -> None:
        table = sql_table("key_generation")
        insert_ignore(connection, "key_generation", [{"id": _GENERATION_ROW, "generation": 0}])
        connection.execute(table.update().values(generation=table.c.generation + 1))
        self._polled_at = float("-inf")

    def _read(self, macs: Sequence[bytes]) -> dict[bytes, SubjectKey]:
        with reading(self._engine) as connection:
            subjects = select_in(connection, "subjects", "identity_mac", macs)
            keys = select_in(connection, "subject_keys", "subject_id", [row.subject_id for row in subjects])
        ring, by_subject = self._ring(), {row.subject_id: row for row in keys}
        found = {}
        for row in subjects:
            if key := by_subject.get(row.subject_id):
                plain = _unwrapped(ring, key)
                found[bytes(row.identity_mac)] = SubjectKey(row.subject_id, row.shard, key.key_id, plain)
        return found

    def _insert(self, identities: Sequence[Identity]) -> None:
        rows = []
        for identity in identities:
            subject_id = uuid.uuid4().hex
            row = {"identity_mac": identity.mac, "subject_id": subject_id, "platform": identity.platform}
            rows.append({**row, "shard": self._shard(subject_id)})
        with transaction(self._engine) as connection:
            ring, kek_id = self._ready_ring(connection)
            insert_ignore(connection, "subjects", rows)
            # Racing processes leave one row per identity; create keys only for our surviving rows.
            stayed = select_in(connection, "subjects", "identity_mac", [row["identity_mac"] for row in rows])
            # Checked after the insert waited for any erasure; raising rolls the insert back.
            if self._suppressed(connection, [each.mac for each in identities]):
                raise self._erased_meanwhile()
            ours = {row.subject_id for row in stayed} & {str(row["subject_id"]) for row in rows}
            keys = [_new_key(ring, kek_id, subject_id, uuid.uuid4().hex, None) for subject_id in sorted(ours)]
            insert_ignore(connection, "subject_keys", keys)

    def _erased_meanwhile(self) -> StoreUnavailable:
        self._polled_at = float("-inf")  # the next call sees the erasure
        return StoreUnavailable("a subject was erased while its key was made; ask again")

    def _ready_ring(self, connection: Connection) -> tuple[KeyRing, str]:
        """The ring and the id of the KEK for keys added by this transaction.

        Opens an existing key first, so that keys of two key files never mix.
        """
        kek_id = active_kek(connection, lambda: self._ring().newest)
        ring = self._ring()
        if not self._is_kek_verified:
            held = connection.execute(sa.select(sql_table("subject_keys")).limit(1)).first()
            if held is not None:
                _unwrapped(ring, held)
            self._is_kek_verified = True
        return ring, kek_id

    def _shard(self, subject_id: str) -> int:
        return shard_of(subject_id, self._shards)

    def _remember(self, known: dict[bytes, SubjectKey], generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return  # keys were destroyed since these were read
            self._cache.update(known)
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)


def forget_on_disk(engine: Engine) -> None:
    """Truncate SQLite's write-ahead log, which still holds destroyed or rewrapped keys. Raises StoreUnavailable."""
    if engine.dialect.name == "sqlite":
        with reading(engine) as connection:
            driver: Any = connection.connection.driver_connection
            is_cut = cut_wal(driver)
        if not is_cut:
            _log.warning("a destroyed key, still wrapped, stays in the write-ahead log until it is next cut")


def shard_of(subject_id: str, shards: int) -> int:
    """The permanent shard of a subject."""
    return zlib.crc32(subject_id.encode()) % shards


def active_kek(connection: Connection, newest: Callable[[], str]) -> str:
    """Id of the KEK for new keys, initially `newest()`; no rotation changes it before this transaction ends."""
    table = sql_table("active_kek")
    held = sa.select(table.c.kek_id).with_for_update(read=True)
    found = connection.execute(held).scalar()
    if found is None:
        first = {"id": ACTIVE_ROW, "kek_id": newest(), "activated_at": datetime.now(UTC)}
        insert_ignore(connection, "active_kek", [first])
        found = connection.execute(held).scalar_one()
    return str(found)


def _new_key(ring: KeyRing, kek_id: str, subject_id: str, key_id: str, expires_at: datetime | None) -> dict[str, Any]:
    wrapped = ring.wrap(kek_id, os.urandom(_KEY_BYTES), key_id, subject_id)
    row = {"key_id": key_id, "subject_id": subject_id, "kek_id": kek_id, "wrapped_key": wrapped}
    return {**row, "expires_at": expires_at}


def _unwrapped(ring: KeyRing, row: Row[Any]) -> bytes:
    return ring.unwrap(row.kek_id, row.wrapped_key, row.key_id, row.subject_id)


def _retry_after_rotation(work: Callable[[], T]) -> T:
    """Run `work`, once more if a rotation ended between reading rows and ring."""
    try:
        return work()
    except KekMissing:
        return work()


def holding_keys(connection: Connection, subject_ids: Iterable[str]) -> set[str]:
    """Filter to subjects with a key; blocks their erasure until the transaction ends."""
    generation = sql_table("key_generation")
    insert_ignore(connection, generation.name, [{"id": _GENERATION_ROW, "generation": 0}])
    connection.execute(sa.select(generation.c.generation).with_for_update(read=True))
    return {row.subject_id for row in select_in(connection, "subject_keys", "subject_id", subject_ids, ["subject_id"])}


def needs_key_file(engine: Engine) -> bool:
    """Whether the store holds subjects, keys or post keys. Raises StoreUnavailable."""
    with reading(engine) as connection:
        tables = [sql_table(name) for name in ("subjects", "subject_keys", "post_keys")]
        return any(connection.execute(sa.select(table).limit(1)).first() is not None for table in tables)
