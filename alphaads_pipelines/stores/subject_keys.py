"""Subject keys in the relational store: random data keys, wrapped by the key-encryption key (AES-256-GCM).

Whoever holds a key in memory asks for `generation` before using it; destroying any key moves the generation, so that
no process goes on with a destroyed key for longer than the time between two looks.
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
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import StoreUnavailable, UnsealError
from alphaads_pipelines.privacy.keys import Identity, SubjectKey, SubjectKeyStore
from alphaads_pipelines.stores.relational import insert_ignore, reading, select_in, sql_table, transaction
from alphaads_pipelines.telemetry import get_logger

DAILY_KEY_LIFETIME = timedelta(days=30)
_LOOK_S = 0.5
_KEY_BYTES, _NONCE_BYTES = 32, 12
_GENERATION_ROW = 1

_log = get_logger(__name__)


class RelationalSubjectKeys(SubjectKeyStore):
    """Subjects and their keys in `subjects` and `subject_keys`.

    Parameters
    ----------
    engine: the relational store.
    kek: key-encryption key, 32 bytes.
    shards: the fixed number of shards.
    cache_size: subjects kept in memory at most.
    suppressed: which of some identity macs were erased, as a transaction sees them; those get no subject again.
    """

    def __init__(
        self,
        engine: Engine,
        kek: bytes,
        shards: int,
        cache_size: int = 100_000,
        suppressed: Callable[[Connection, Sequence[bytes]], set[bytes]] = lambda *_: set(),
    ) -> None:
        self._engine = engine
        self._suppressed = suppressed
        self._wrapper = AESGCM(kek)
        self._shards = shards
        self._cache_size = cache_size
        self._cache: OrderedDict[bytes, SubjectKey] = OrderedDict()
        self._daily: dict[date, SubjectKey] = {}
        self._generation = -1
        self._looked_at = float("-inf")
        self._lock = threading.Lock()  # of what is cached, and under which generation
        self._is_kek_proven = False

    def ensure(self, identities: Sequence[Identity]) -> list[SubjectKey]:
        """The subject of each identity, in order, made where there is none."""
        generation = self.generation()
        found = {each.mac: key for each in identities if (key := self._cache.get(each.mac))}
        missing = [each for each in dict.fromkeys(identities) if each.mac not in found]
        if missing:
            known = self._read([each.mac for each in missing])
            if new := [each for each in missing if each.mac not in known]:
                self._insert(new)
                known |= self._read([each.mac for each in new])
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
        with reading(self._engine) as connection:
            rows = select_in(connection, "subject_keys", "key_id", wanted)
        return {row.key_id: self._unwrap(row.wrapped_key, row.key_id, row.subject_id) for row in rows}

    def daily_key(self, day: date) -> SubjectKey:
        """The key of the day, made by whoever needs it first."""
        generation = self.generation()
        if held := self._daily.get(day):
            return held
        subject_id = key_id = f"daily-{day.isoformat()}"
        expires_at = datetime(day.year, day.month, day.day, tzinfo=UTC) + DAILY_KEY_LIFETIME
        with transaction(self._engine) as connection:
            self._prove_kek(connection)
            insert_ignore(connection, "subject_keys", [self._new_key(subject_id, key_id, expires_at)])
            [row] = select_in(connection, "subject_keys", "key_id", [key_id])
        key = self._unwrap(row.wrapped_key, key_id, subject_id)
        made = SubjectKey(subject_id, self._shard(subject_id), key_id, key)
        with self._lock:
            if generation == self._generation:
                self._daily[day] = made
        return made

    def destroy(self, subject_id: str) -> int:
        """Destroy the subject's keys and identity mapping."""
        keys, subjects = sql_table("subject_keys"), sql_table("subjects")
        with transaction(self._engine) as connection:
            destroyed = connection.execute(keys.delete().where(keys.c.subject_id == subject_id)).rowcount
            connection.execute(subjects.delete().where(subjects.c.subject_id == subject_id))
            self._move_generation(connection)
        self._forget_on_disk()
        return destroyed

    def destroy_expired(self, now: datetime) -> int:
        """Destroy daily keys whose time is over."""
        keys = sql_table("subject_keys")
        with transaction(self._engine) as connection:
            destroyed = connection.execute(keys.delete().where(keys.c.expires_at <= now)).rowcount
            if destroyed:
                self._move_generation(connection)
        if destroyed:
            self._forget_on_disk()
        return destroyed

    def generation(self) -> int:
        """How often keys were destroyed, as seen at most half a second ago."""
        if time.monotonic() - self._looked_at >= _LOOK_S:
            table = sql_table("key_generation")
            with reading(self._engine) as connection:
                generation = connection.execute(sa.select(table.c.generation)).scalar() or 0
            self._looked_at = time.monotonic()
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
        self._looked_at = float("-inf")

    def _forget_on_disk(self) -> None:
        # The write-ahead log still holds the page with the key until it is checkpointed and cut.
        if self._engine.dialect.name == "sqlite":
            with reading(self._engine) as connection:
                is_busy, *_ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
            if is_busy:
                _log.warning("a destroyed key, still wrapped, stays in the write-ahead log until it is next cut")

    def _read(self, macs: Sequence[bytes]) -> dict[bytes, SubjectKey]:
        with reading(self._engine) as connection:
            subjects = select_in(connection, "subjects", "identity_mac", macs)
            keys = select_in(connection, "subject_keys", "subject_id", [row.subject_id for row in subjects])
        by_subject = {row.subject_id: row for row in keys}
        found = {}
        for row in subjects:
            if key := by_subject.get(row.subject_id):
                plain = self._unwrap(key.wrapped_key, key.key_id, row.subject_id)
                found[bytes(row.identity_mac)] = SubjectKey(row.subject_id, row.shard, key.key_id, plain)
        return found

    def _insert(self, identities: Sequence[Identity]) -> None:
        rows = []
        for identity in identities:
            subject_id = uuid.uuid4().hex
            row = {"identity_mac": identity.mac, "subject_id": subject_id, "platform": identity.platform}
            rows.append({**row, "shard": self._shard(subject_id)})
        with transaction(self._engine) as connection:
            self._prove_kek(connection)
            insert_ignore(connection, "subjects", rows)
            # Of racing processes only one row per identity stays; keys are made for those that stayed.
            stayed = select_in(connection, "subjects", "identity_mac", [row["identity_mac"] for row in rows])
            # Asked behind whatever erasure the insert waited for; what was inserted goes with the transaction.
            if self._suppressed(connection, [each.mac for each in identities]):
                raise self._erased_meanwhile()
            ours = {row.subject_id for row in stayed} & {str(row["subject_id"]) for row in rows}
            keys = [self._new_key(subject_id, uuid.uuid4().hex, None) for subject_id in sorted(ours)]
            insert_ignore(connection, "subject_keys", keys)

    def _erased_meanwhile(self) -> StoreUnavailable:
        self._looked_at = float("-inf")  # so that whoever asks again knows of the erasure
        return StoreUnavailable("a subject was erased while its key was made; ask again")

    def _prove_kek(self, connection: Connection) -> None:
        """Open a key that is there before the first one is added: keys of two key files must never mix."""
        if not self._is_kek_proven:
            held = connection.execute(sa.select(sql_table("subject_keys")).limit(1)).first()
            if held is not None:
                self._unwrap(held.wrapped_key, held.key_id, held.subject_id)
            self._is_kek_proven = True

    def _new_key(self, subject_id: str, key_id: str, expires_at: datetime | None) -> dict[str, Any]:
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = nonce + self._wrapper.encrypt(nonce, os.urandom(_KEY_BYTES), f"{key_id}|{subject_id}".encode())
        return {"key_id": key_id, "subject_id": subject_id, "wrapped_key": wrapped, "expires_at": expires_at}

    def _unwrap(self, wrapped: bytes, key_id: str, subject_id: str) -> bytes:
        nonce, body = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return self._wrapper.decrypt(nonce, body, f"{key_id}|{subject_id}".encode())
        except InvalidTag:
            raise UnsealError("a data key cannot be unwrapped: ALPHAADS_KEY_FILE is not the one that made it") from None

    def _shard(self, subject_id: str) -> int:
        return zlib.crc32(subject_id.encode()) % self._shards

    def _remember(self, known: dict[bytes, SubjectKey], generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return  # another thread saw that keys were destroyed; these were read before
            self._cache.update(known)
            while len(self._cache) > self._cache_size:
                self._cache.popitem(last=False)


def holds_anything(engine: Engine) -> bool:
    """Whether the store holds what only its own key file can open or recognise. Raises StoreUnavailable."""
    with reading(engine) as connection:
        tables = [sql_table(name) for name in ("subjects", "subject_keys", "post_keys")]
        return any(connection.execute(sa.select(table).limit(1)).first() is not None for table in tables)
