"""How a stored table is declared: columns with their types, privacy labels and erasure paths.

Belongs here: the words of a declaration. Does not: any table (tables.py, operational_tables.py) or any store.

Privacy labels say what a column holds of a person; erasure paths say how it goes when the person is erased:

==============  ====================================================================================
NOTHING         operational: says nothing about any person
PSEUDONYM       a random subject id, or a keyed hash that leads to one
DERIVED         something inferred about, or done by, the person behind a pseudonym
SEALED          ciphertext under the subject's key
NAMED           words that a user gave us, and that may be a public person's name
==============  ====================================================================================

A declaration that has a personal label without an erasure path, or a path without a label, raises ValueError: the
module that holds it cannot be imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

ColumnType = Literal[
    "bool", "int32", "int64", "float64", "utf8", "json", "binary", "date", "timestamp"
]  # timestamps are UTC, in microseconds


class Privacy(StrEnum):
    """What a column holds of a person."""

    NOTHING = "nothing"
    PSEUDONYM = "pseudonym"
    DERIVED = "derived"
    SEALED = "sealed"
    NAMED = "named"


class Erasure(StrEnum):
    """How a column's personal content goes when the person is erased."""

    NONE = "none"
    DELETE_ROW = "delete_row"
    DESTROY_KEY = "destroy_key"
    REMOVE_RECORD = "remove_record"
    """The record is overwritten in the embedded stream and the spool; a Kafka topic keeps it for its retention."""
    EXPIRE = "expire"
    """It goes by itself, within days."""
    KEEP_HASH = "keep_hash"
    """A keyed hash stays on purpose: who may not come back, and the proof that something was done."""
    BY_COMMAND = "by_command"
    """Whoever gave us the words takes them back; no subject leads there."""


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column. Raises ValueError for a personal label without an erasure path, and the reverse."""

    name: str
    type: ColumnType
    privacy: Privacy = Privacy.NOTHING
    erasure: Erasure = Erasure.NONE
    nullable: bool = False
    doc: str = ""

    def __post_init__(self) -> None:
        if self.is_personal != (self.erasure is not Erasure.NONE):
            raise ValueError(f"{self.name}: label {self.privacy} does not go with erasure path {self.erasure}")

    @property
    def is_personal(self) -> bool:
        """Whether it says anything of a person."""
        return self.privacy is not Privacy.NOTHING


def plain(name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False) -> Column:
    """A column that says nothing about any person."""
    return Column(name, type_, nullable=nullable, doc=doc)


def pseudonym(
    name: str,
    type_: ColumnType = "utf8",
    doc: str = "",
    *,
    nullable: bool = False,
    erasure: Erasure = Erasure.DELETE_ROW,
) -> Column:
    """A random subject id, or a keyed hash; its row is deleted, unless it says otherwise."""
    return Column(name, type_, Privacy.PSEUDONYM, erasure, nullable, doc)


def derived(
    name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False, erasure: Erasure = Erasure.DELETE_ROW
) -> Column:
    """Something inferred about a person; its row is deleted, unless it says otherwise."""
    return Column(name, type_, Privacy.DERIVED, erasure, nullable, doc)


def sealed(name: str, doc: str = "") -> Column:
    """Ciphertext under the subject's key, which is destroyed."""
    return Column(name, "binary", Privacy.SEALED, Erasure.DESTROY_KEY, doc=doc)


def named(name: str, type_: ColumnType, doc: str = "") -> Column:
    """Words that a user gave us and takes back by command."""
    return Column(name, type_, Privacy.NAMED, Erasure.BY_COMMAND, doc=doc)


@dataclass(frozen=True, slots=True)
class Table:
    """One stored table.

    `key` is unique within the table. `partition_by` holds for lake tables; `indexes` and `has_long_rows` (a row often
    takes more than a quarter of a database page) for relational ones.
    """

    name: str
    store: Literal["lake", "relational"]
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = field(default=())
    autoincrement: bool = False
    has_long_rows: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in declared order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    @property
    def subject_column(self) -> str | None:
        """By what the rows of a person are found: their id, else the keys of their posts, else nothing (None)."""
        return next((name for name in ("subject_id", "post_key") if name in self.column_names), None)


@dataclass(frozen=True, slots=True)
class Layout:
    """What is stored outside of tables: records of a stream, a document, files, the database of another program.

    `stores` are the places that hold it, `columns` its parts.
    """

    name: str
    stores: tuple[Literal["stream", "spool", "document", "state", "file", "foreign"], ...]
    doc: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in declared order."""
        return tuple(column.name for column in self.columns)
