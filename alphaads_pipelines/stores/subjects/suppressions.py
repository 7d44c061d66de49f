"""Suppression list of erased people, against re-ingestion.

Keyed hashes of keyed hashes, useless without the suppression key. Written in the transaction that destroys the keys,
whose new generation invalidates the cache.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from sqlalchemy import Connection, Engine

from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in

IDENTITY, SUBJECT = "identity", "subject"


class Suppressions:
    """Suppressed identities and subjects; caches up to `cache_size` unsuppressed ones per key generation."""

    def __init__(
        self, engine: Engine, pseudonyms: Pseudonyms, generation: Callable[[], int], cache_size: int = 100_000
    ) -> None:
        self._engine, self._pseudonyms, self._generation_of_keys = engine, pseudonyms, generation
        self._cache_size = cache_size
        self._clean: set[bytes] = set()
        self._generation = -1
        self._lock = threading.Lock()  # guards the cache and its generation

    def suppress(self, connection: Connection, identities: Iterable[bytes], subject_id: str, now: datetime) -> None:
        """Suppress identities (`Identity.mac`) and subject in the transaction that destroys the keys; idempotent."""
        macs = {self._pseudonyms.suppressed_identity(mac): IDENTITY for mac in identities}
        macs[self._pseudonyms.suppressed_subject(subject_id)] = SUBJECT
        rows = [{"mac": mac, "kind": kind, "suppressed_at": now} for mac, kind in macs.items()]
        insert_ignore(connection, "suppressions", rows)

    def suppressed(self, identities: Iterable[bytes]) -> set[bytes]:
        """Filter to suppressed identity macs; one query for all uncached ones.

        Other processes' erasures are visible within half a second; transactions that create subjects use
        `suppressed_among`. Raises StoreUnavailable.
        """
        generation = self._drop_old()
        unknown = set(identities) - self._clean
        if not unknown:
            return set()
        with reading(self._engine) as connection:
            found = suppressed_among(self._pseudonyms, connection, unknown)
        self._remember(unknown - found, generation)
        return found

    def is_suppressed(self, subject_id: str) -> bool:
        """Whether the subject was erased. Raises StoreUnavailable."""
        with reading(self._engine) as connection:
            mac = self._pseudonyms.suppressed_subject(subject_id)
            return bool(select_in(connection, "suppressions", "mac", [mac], ["kind"]))

    def _drop_old(self) -> int:
        generation = self._generation_of_keys()
        with self._lock:
            if generation != self._generation:
                self._clean = set()
                self._generation = generation
        return generation

    def _remember(self, clean: set[bytes], generation: int) -> None:
        with self._lock:
            if generation == self._generation:  # else an erasure happened meanwhile
                if len(self._clean) + len(clean) > self._cache_size:
                    self._clean.clear()
                self._clean |= clean


def suppressed_among(pseudonyms: Pseudonyms, connection: Connection, identities: Iterable[bytes]) -> set[bytes]:
    """Filter to suppressed identity macs within a transaction."""
    macs = {pseudonyms.suppressed_identity(mac): mac for mac in identities}
    return {macs[bytes(row.mac)] for row in select_in(connection, "suppressions", "mac", macs, ["mac"])}
