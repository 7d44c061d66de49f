"""Erasers: one for each store, what each must do, and the list of them all.

A new store is one file with one `Eraser`, and one line in `ERASERS`; a test fails when a table or a record with
personal columns is covered by none of them.
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
"""Counts for people, by name; they name nobody."""


@dataclass(frozen=True, slots=True)
class ErasedStores:
    """Where people's data lies.

    Attributes
    ----------
    dagster_url: Dagster's storage in PostgreSQL; empty if it lies under the home folder.
    """

    ports: Ports
    key_backups: KeyBackups
    dagster_url: str


@dataclass(frozen=True, slots=True)
class ErasureTarget:
    """Whom to erase, and where their rows may lie.

    Attributes
    ----------
    writers_ended: whoever may have read something of the subject before their keys were destroyed has ended.
    """

    subject_id: str
    shard: int
    writers_ended: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What was looked at in a store.

    Attributes
    ----------
    looked_at: what was searched, by name: tables, files, pages, versions, with their numbers.
    found: how often something of the subject was found. It must be 0 for an erasure to be complete.
    statement: what could not be searched or cannot be removed, in a sentence; empty if there is nothing to say.
    """

    looked_at: Figures
    found: int
    statement: str = ""


class Eraser(ABC):
    """Removes a subject from one store. Every method may be called again at any time.

    Parameters
    ----------
    stores: where people's data lies.
    """

    name: ClassVar[str]
    covers: ClassVar[frozenset[str]]
    """Names of the tables (tables.py) and of the records, documents and files (records.py) that it clears."""

    def __init__(self, stores: ErasedStores) -> None:
        self._stores, self._ports = stores, stores.ports

    @abstractmethod
    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Remove what belongs to the subject; figures.

        Parameters
        ----------
        tick: told where the work is; called at least every few seconds, for it renews the lease.

        Raises
        ------
        StoreUnavailable, StreamUnavailable, WriteConflict: call it again.
        """

    @abstractmethod
    def check(self, subject: ErasureTarget) -> Checked:
        """Search the store for the subject, in whatever form it may be left. Changes no row."""


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
"""Keys of posts are found in the lake, so the relational store comes before it."""


def all_erasers(stores: ErasedStores) -> list[Eraser]:
    """Every eraser; those of `ORDER` first."""
    names = [*ORDER, *(name for name in ERASERS if name not in ORDER)]
    return [ERASERS.load(name)(stores) for name in names]
