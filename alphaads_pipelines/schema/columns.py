"""Declarations of stored tables: columns with types, privacy labels and erasure paths.

Belongs here: the vocabulary of declarations. Does not: tables (tables.py, operational_tables.py) or stores.

==============  ====================================================================================
NOTHING         operational: no information about any person
PSEUDONYM       a random subject id, or a keyed hash that leads to one
DERIVED         something inferred about, or done by, the person behind a pseudonym
SEALED          ciphertext under the subject's key
NAMED           a user's words, which may be a public person's name
==============  ====================================================================================

A personal label without an erasure path, or the reverse, raises ValueError at import.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

ColumnType = Literal[
    "bool", "int32", "int64", "float64", "utf8", "json", "binary", "date", "timestamp"
]  # timestamps are UTC, in microseconds


class Privacy(StrEnum):
    """A column's personal content."""

    NOTHING = "nothing"
    PSEUDONYM = "pseudonym"
    DERIVED = "derived"
    SEALED = "sealed"
    NAMED = "named"


class Erasure(StrEnum):
    """How personal content is erased."""

    NONE = "none"
    DELETE_ROW = "delete_row"
    DESTROY_KEY = "destroy_key"
    REMOVE_RECORD = "remove_record"
    """Overwritten in the embedded stream and the spool; Kafka keeps the record for the topic's retention."""
    EXPIRE = "expire"
    """Expires within days."""
    KEEP_HASH = "keep_hash"
    """A keyed hash stays as suppression or proof of erasure."""
    BY_COMMAND = "by_command"
    """Removed by the user who entered it; no subject leads there."""


@dataclass(frozen=True, slots=True)
class Column:
    """One stored column. Raises ValueError unless label and erasure path match."""

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
        """Whether it holds personal data."""
        return self.privacy is not Privacy.NOTHING


def plain(name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False) -> Column:
    """Non-personal column."""
    return Column(name, type_, nullable=nullable, doc=doc)


def pseudonym(
    name: str,
    type_: ColumnType = "utf8",
    doc: str = "",
    *,
    nullable: bool = False,
    erasure: Erasure = Erasure.DELETE_ROW,
) -> Column:
    """Random subject id or keyed hash; the row is deleted by default."""
    return Column(name, type_, Privacy.PSEUDONYM, erasure, nullable, doc)


def derived(
    name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False, erasure: Erasure = Erasure.DELETE_ROW
) -> Column:
    """Inference about a person; the row is deleted by default."""
    return Column(name, type_, Privacy.DERIVED, erasure, nullable, doc)


def sealed(name: str, doc: str = "") -> Column:
    """Ciphertext under the subject's key, which is destroyed."""
    return Column(name, "binary", Privacy.SEALED, Erasure.DESTROY_KEY, doc=doc)


def named(name: str, type_: ColumnType, doc: str = "") -> Column:
    """A user's words, removed by command."""
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
        """Look up a column. Raises KeyError."""
        return {column.name: column for column in self.columns}[name]

    @property
    def subject_column(self) -> str | None:
        """Column that leads to a person: subject id, else post key, else None."""
        return next((name for name in ("subject_id", "post_key") if name in self.column_names), None)


@dataclass(frozen=True, slots=True)
class Layout:
    """Data stored outside tables: stream records, documents, files, other programs' databases.

    `stores` are its locations, `columns` its parts.
    """

    name: str
    stores: tuple[Literal["stream", "spool", "document", "state", "file", "foreign"], ...]
    doc: str
    columns: tuple[Column, ...]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names in declared order."""
        return tuple(column.name for column in self.columns)
