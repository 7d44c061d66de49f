"""Dump the relational store, without its keys, as one consistent state, and load it into an empty database.

SQLite is copied table by table: a page copy would contain the keys' pages. PostgreSQL becomes one file per table in
COPY's binary format. Writers go on meanwhile; SQLite's write-ahead log grows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, make_url

from alphaads_pipelines.errors import InvalidRequest, StoreUnavailable
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import PUBLISHED, RELATIONAL_TABLES
from alphaads_pipelines.stores.sql.relational import connect, migrate, reading, revision, sql_table, transaction

KEY_TABLES = frozenset({"subject_keys", "active_kek"})
"""Never dumped."""

SQLITE_FILE, POSTGRES_FOLDER = "relational.db", "relational"
_COUNTERS = "sqlite_sequence"
_DUMPED = tuple(table for table in RELATIONAL_TABLES if table.name not in KEY_TABLES)


@dataclass(frozen=True, slots=True)
class Dump:
    """The metadata of a dump.

    Attributes
    ----------
    dialect: sqlite or postgresql.
    tables: PostgreSQL: table -> columns in dump order.
    counters: PostgreSQL: table -> (autoincrement column, last number used).
    published: lake table -> published versions.
    """

    dialect: str
    revision: str
    tables: Mapping[str, Sequence[str]]
    counters: Mapping[str, tuple[str, int]]
    published: Mapping[str, frozenset[int]]


def dump(engine: Engine, folder: Path) -> Dump:
    """Write the store's state into `folder`. Raises StoreUnavailable."""
    found = revision(engine)
    assert found is not None, "a store is migrated before anybody sees it"
    if engine.dialect.name == "sqlite":
        published = _dump_sqlite(Path(str(engine.url.database)), folder / SQLITE_FILE)
        return Dump("sqlite", found, {}, {}, _published(published))
    tables = {table.name: table.column_names for table in _DUMPED}
    with reading(engine) as connection:
        counters = {table.name: _last_number(connection, table) for table in _DUMPED if table.autoincrement}
        (folder / POSTGRES_FOLDER).mkdir()
        for name, columns in tables.items():
            _copy(connection, f"COPY {_named(name, columns)} TO STDOUT (FORMAT binary)", _file(folder, name), "wb")
        pointers = connection.execute(sa.select(sql_table(PUBLISHED.name).c.versions)).scalars().all()
    return Dump("postgresql", found, tables, counters, _published(pointers))


def load(url: str, folder: Path, of: Dump, then: Callable[[Connection], None]) -> None:
    """Replace the contents of the database at `url`, keys included, by a dump, and migrate it.

    Parameters
    ----------
    then: further writes in the same transaction.

    Raises
    ------
    InvalidRequest: the database is of another kind, or has another schema.
    ConfigurationError: the dump is of a newer version of this code. StoreUnavailable.
    """
    if make_url(url).get_backend_name() != of.dialect:
        raise InvalidRequest(f"DATABASE_URL: the backup is of {of.dialect}, and goes into a database of its kind")
    if of.dialect == "postgresql":
        with _connected(url) as engine:
            if revision(engine) not in (None, of.revision):
                raise InvalidRequest("DATABASE_URL: its schema is not the backup's; give an empty database")
            migrate(url, of.revision)
            _load_postgres(engine, folder, of, then)
        migrate(url)
        return
    migrate(url)
    with _connected(url) as engine, transaction(engine) as connection:
        then(connection)


def is_empty(engine: Engine) -> bool:
    """Whether every table is empty. Raises StoreUnavailable."""
    with reading(engine) as connection:
        tables = [sql_table(table.name) for table in RELATIONAL_TABLES]
        return all(connection.execute(sa.select(table).limit(1)).first() is None for table in tables)


@contextmanager
def _connected(url: str) -> Iterator[Engine]:
    engine = connect(url)
    try:
        yield engine
    finally:
        engine.dispose()


# --- SQLite ----------------------------------------------------------------------------------------------------------


def _dump_sqlite(source: Path, target: Path) -> list[dict[str, int]]:
    """Copy the database; its published pointers."""
    try:
        with closing(sqlite3.connect(target, isolation_level=None, timeout=30)) as copy:
            copy.execute("PRAGMA journal_mode=OFF")  # an interrupted copy is discarded
            copy.execute("ATTACH ? AS live", (str(source),))
            copy.execute("BEGIN")
            made = copy.execute("SELECT type, name, sql FROM live.sqlite_master WHERE sql IS NOT NULL").fetchall()
            tables = [(name, sql) for kind, name, sql in made if kind == "table" and not name.startswith("sqlite_")]
            for _, sql in tables:
                copy.execute(sql)
            for name, _ in tables:
                if name not in KEY_TABLES:
                    copy.execute(f'INSERT INTO main."{name}" SELECT * FROM live."{name}"')  # noqa: S608 - our own names
            if any(name == _COUNTERS for _, name, _ in made):  # keeps numbers of deleted rows unused
                copy.execute(f"DELETE FROM main.{_COUNTERS}")  # noqa: S608
                copy.execute(f"INSERT INTO main.{_COUNTERS} SELECT * FROM live.{_COUNTERS}")  # noqa: S608
            for kind, _, sql in made:
                if kind == "index":
                    copy.execute(sql)
            copy.execute("COMMIT")
            copy.execute("DETACH live")
            return [orjson.loads(row[0]) for row in copy.execute(f"SELECT versions FROM {PUBLISHED.name}")]  # noqa: S608
    except sqlite3.OperationalError as error:
        raise StoreUnavailable(f"the relational store could not be copied: {error}") from error


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def _file(folder: Path, table: str) -> Path:
    return folder / POSTGRES_FOLDER / f"{table}.copy"


def _named(table: str, columns: Sequence[str]) -> str:
    quoted = ", ".join('"' + name + '"' for name in columns)
    return f"{table} ({quoted})"


def _load_postgres(engine: Engine, folder: Path, of: Dump, then: Callable[[Connection], None]) -> None:
    with transaction(engine) as connection:
        connection.exec_driver_sql(f"TRUNCATE {', '.join([*of.tables, *sorted(KEY_TABLES)])} RESTART IDENTITY")
        for name, columns in of.tables.items():
            _copy(connection, f"COPY {_named(name, columns)} FROM STDIN (FORMAT binary)", _file(folder, name), "rb")
        for name, (column, last) in of.counters.items():
            if last:
                connection.execute(sa.select(sa.func.setval(sa.func.pg_get_serial_sequence(name, column), last)))
        then(connection)


def _last_number(connection: Connection, table: Table) -> tuple[str, int]:
    [column] = table.key
    sequence = connection.execute(sa.select(sa.func.pg_get_serial_sequence(table.name, column))).scalar_one()
    is_used, last = connection.exec_driver_sql(f"SELECT is_called, last_value FROM {sequence}").one()  # noqa: S608
    return column, int(last) if is_used else 0


def _copy(connection: Connection, statement: str, path: Path, mode: str) -> None:
    """Run COPY in the connection's transaction."""
    import psycopg2

    driver: Any = connection.connection.driver_connection
    with path.open(mode) as file, driver.cursor() as cursor:
        try:
            cursor.copy_expert(statement, file)
        except psycopg2.OperationalError as error:
            raise StoreUnavailable(f"the relational store could not be copied: {type(error).__name__}") from error


def _published(pointers: Sequence[Mapping[str, int]]) -> dict[str, frozenset[int]]:
    names = {name for each in pointers for name in each}
    return {name: frozenset(each[name] for each in pointers if name in each) for name in names}
