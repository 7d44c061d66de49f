"""How a stored table is declared: columns with their types, privacy labels and erasure paths.

Belongs here: the words of a declaration. Does not: any table (tables.py, relational_tables.py) or any store.

Privacy labels say what a column holds of a person; erasure paths say how it goes when the person is erased:

==============  ====================================================================================
NOTHING         operational: says nothing about any person
PSEUDONYM       a random subject id, or a keyed hash that leads to one
DERIVED         something inferred about, or done by, the person behind a pseudonym
SEALED          ciphertext under the subject's key
==============  ====================================================================================
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


class Erasure(StrEnum):
    """How a column's personal content goes when the person is erased."""

    NONE = "none"
    DELETE_ROW = "delete_row"
    DESTROY_KEY = "destroy_key"


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column."""

    name: str
    type: ColumnType
    privacy: Privacy = Privacy.NOTHING
    erasure: Erasure = Erasure.NONE
    nullable: bool = False
    doc: str = ""


def plain(name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False) -> Column:
    """A column that says nothing about any person."""
    return Column(name, type_, nullable=nullable, doc=doc)


def pseudonym(name: str, type_: ColumnType = "utf8", doc: str = "", *, nullable: bool = False) -> Column:
    """A random subject id, or a keyed hash; its row is deleted."""
    return Column(name, type_, Privacy.PSEUDONYM, Erasure.DELETE_ROW, nullable, doc)


def derived(name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False) -> Column:
    """Something inferred about a person; its row is deleted."""
    return Column(name, type_, Privacy.DERIVED, Erasure.DELETE_ROW, nullable, doc)


def sealed(name: str, doc: str = "") -> Column:
    """Ciphertext under the subject's key, which is destroyed."""
    return Column(name, "binary", Privacy.SEALED, Erasure.DESTROY_KEY, doc=doc)


@dataclass(frozen=True, slots=True)
class Table:
    """One stored table.

    `key` is unique within the table. `partition_by` holds for lake tables; `indexes` for relational ones.
    """

    name: str
    store: Literal["lake", "relational"]
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = field(default=())
    autoincrement: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in declared order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column called `name`; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]
