"""Eraser interface and registry, one per store.

A new store needs an `Eraser` and an entry in `ERASERS`; a test fails on uncovered personal columns.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from alphaads_pipelines.ports import Ports
from alphaads_pipelines.registry import Registry
from alphaads_pipelines.rights.backups.key_backups import KeyBackups

Figures = Mapping[str, Any]
"""Counts by name, for display; never identifying."""


@dataclass(frozen=True, slots=True)
class ErasedStores:
    """Stores to erase from; `dagster_url` is empty if Dagster's storage is in the home folder."""

    ports: Ports
    key_backups: KeyBackups
    dagster_url: str


@dataclass(frozen=True, slots=True)
class ErasureTarget:
    """Subject to erase; `writers_ended` once no process that read their data before key destruction still runs."""

    subject_id: str
    shard: int
    writers_ended: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of searching a store.

    Attributes
    ----------
    looked_at: counts of tables, files, pages and versions searched.
    found: occurrences of the subject; must be 0 to complete.
    statement: a sentence on unsearchable or unremovable data, or empty.
    """

    looked_at: Figures
    found: int
    statement: str = ""


class Eraser(ABC):
    """Removes a subject from one store. Every method is idempotent."""

    name: ClassVar[str]
    covers: ClassVar[frozenset[str]]
    """Tables (tables.py) and records, documents and files (records.py) that it clears."""

    def __init__(self, stores: ErasedStores) -> None:
        self._stores, self._ports = stores, stores.ports

    @abstractmethod
    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Remove the subject's data.

        Parameters
        ----------
        tick: called with the current position every few seconds; renews the lease.

        Raises
        ------
        StoreUnavailable, StreamUnavailable, WriteConflict: retry.
        """

    @abstractmethod
    def check(self, subject: ErasureTarget) -> CheckResult:
        """Search the store for any trace of the subject. Changes no row."""


ERASERS: Registry[Eraser] = Registry(
    "eraser",
    {
        "key_backups": "alphaads_pipelines.rights.erasure.key_backups:KeyBackupsEraser",
        "decisions": "alphaads_pipelines.rights.erasure.decisions:DecisionsEraser",
        "posts": "alphaads_pipelines.rights.erasure.posts:PostsEraser",
        "relational": "alphaads_pipelines.rights.erasure.relational:RelationalEraser",
        "lake": "alphaads_pipelines.rights.erasure.lake:LakeEraser",
        "files": "alphaads_pipelines.rights.erasure.files:FilesEraser",
    },
)

ORDER = ("key_backups", "decisions", "posts", "relational", "lake", "files")
"""The relational eraser finds post keys through the lake, so it runs first."""


def all_erasers(stores: ErasedStores) -> list[Eraser]:
    """Create every eraser, `ORDER` first."""
    names = [*ORDER, *(name for name in ERASERS if name not in ORDER)]
    return [ERASERS.load(name)(stores) for name in names]
