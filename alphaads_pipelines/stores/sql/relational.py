"""The relational store: SQLite (WAL) or PostgreSQL behind the same functions.

Belongs here: connections, transactions, bulk reads and writes, migration. Does not: the meaning of rows. A test proves
that `RELATIONAL_TABLES` and Alembic's migrations lead to the same schema.

Both databases behave alike: a write transaction locks at its start (SQLite) or row by row in key order (PostgreSQL), a
reading one sees one snapshot, timestamps are aware UTC datetimes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from alphaads_pipelines.errors import ConfigurationError, StoreUnavailable
from alphaads_pipelines.schema.columns import Column, ColumnType, Table
from alphaads_pipelines.schema.tables import RELATIONAL_TABLES
from alphaads_pipelines.sqlite import BUSY_S, copy_long_wal, enter_wal, leave_copying_to_threads, wait_for_copy

T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUSY_MS = int(BUSY_S * 1000)
_IDLE_MS = 60_000
_CONNECT_S = 10
_CACHE_KIB = 256 * 1024
_CHUNK = 900  # SQLite allows 32,766 parameters; this size plans equally well on both databases
_MICROSECOND = timedelta(microseconds=1)


class UtcTimestamp(sa.TypeDecorator[datetime]):
    """Aware UTC datetimes: integer microseconds on SQLite, timestamptz on PostgreSQL."""

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """The column type of `dialect`."""
        kind = sa.DateTime(timezone=True) if dialect.name == "postgresql" else sa.BigInteger()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """Convert to the database. Raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored; give it a time zone")
        return value.astimezone(UTC) if dialect.name == "postgresql" else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Convert from the database."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            return cast(datetime, value).astimezone(UTC)
        return _EPOCH + int(value) * _MICROSECOND


_TYPES: dict[ColumnType, Any] = {
    "bool": sa.Boolean,
    "int32": sa.Integer,
    "int64": sa.BigInteger,
    "float64": sa.Double,
    "utf8": sa.Text,
    "json": sa.JSON,
    "binary": sa.LargeBinary,
    "date": sa.Date,
    "timestamp": UtcTimestamp,
}

METADATA = sa.MetaData()


def _column(table: Table, column: Column) -> sa.Column[Any]:
    kind: Any = _TYPES[column.type]()
    counted = table.autoincrement and table.key == (column.name,)
    if counted:
        kind = kind.with_variant(sa.Integer(), "sqlite")
    return sa.Column(
        column.name, kind, primary_key=column.name in table.key, nullable=column.nullable, autoincrement=counted
    )


def _declare(table: Table) -> sa.Table:
    # A clustered primary key saves SQLite a second lookup and a copy of the key. But rows longer than a quarter of a
    # page go to overflow pages of their own: three times the file, and three times the reading.
    keys = [table.column(name).type for name in table.key]
    clustered = not table.autoincrement and not table.has_long_rows and all(kind in ("binary", "utf8") for kind in keys)
    indexes = [sa.Index(f"ix_{table.name}_{'_'.join(columns)}", *columns) for columns in table.indexes]
    columns = [_column(table, column) for column in table.columns]
    return sa.Table(
        table.name,
        METADATA,
        *columns,
        *indexes,
        sqlite_with_rowid=not clustered,
        sqlite_autoincrement=table.autoincrement,
    )


_DECLARED = {table.name: (_declare(table), table) for table in RELATIONAL_TABLES}


def sql_table(name: str) -> sa.Table:
    """The SQLAlchemy table `name`. Raises KeyError."""
    return _DECLARED[name][0]


def connect(url: str) -> Engine:
    """Make an engine, which connects on first use.

    SQLite runs in WAL mode with `synchronous=NORMAL` (survives a process crash, not power loss) and `secure_delete`
    (overwrites destroyed keys). Both databases wait up to 30 s for another writer.
    """
    if url.startswith("sqlite"):
        arguments = {"timeout": BUSY_MS / 1000, "check_same_thread": False}
        # A commit invalidates every other connection's page cache, so the last one used is the cheapest.
        pool = {"pool_use_lifo": True} if sa.make_url(url).database else {}
        engine = sa.create_engine(url, connect_args=arguments, **pool)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "engine_disposed", lambda ended: wait_for_copy(sqlite_file(ended)))
        return engine
    engine = sa.create_engine(
        url, pool_pre_ping=True, pool_size=5, max_overflow=10, connect_args={"connect_timeout": _CONNECT_S}
    )
    event.listen(engine, "connect", _prepare_postgres)
    return engine


def _prepare_postgres(connection: Any, _record: Any) -> None:
    # A frozen process must not hold its locks for longer than a minute.
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = {BUSY_MS}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {_IDLE_MS}")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # _begin_sqlite opens transactions, not pysqlite
    enter_wal(connection)
    for pragma in (
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        f"cache_size=-{_CACHE_KIB}",
    ):
        connection.execute(f"PRAGMA {pragma}")
    leave_copying_to_threads(connection)


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that writes after reading can fail with SQLITE_BUSY at once; BEGIN IMMEDIATE waits.
    writes = connection.get_execution_options().get("alphaads_write", False)
    driver: Any = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")  # SQLAlchemy's execute is slower


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Translate the database's and driver's errors. Raises StoreUnavailable for an outage."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable("the relational store did not answer: every connection stayed busy") from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_outage(engine, error.orig):
            raise StoreUnavailable(f"the relational store did not answer: {type(error.orig).__name__}") from error
        raise
    except engine.dialect.loaded_dbapi.Error as error:  # raised outside SQLAlchemy, on the fast path
        if _is_outage(engine, error):
            raise StoreUnavailable(f"the relational store did not answer: {type(error).__name__}") from error
        raise


def _is_outage(engine: Engine, error: BaseException | None) -> bool:
    if isinstance(error, sqlite3.Error):
        # SQLite calls a wrong statement operational, too; it is no outage.
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR
    driver = engine.dialect.loaded_dbapi
    return isinstance(error, driver.OperationalError | driver.InterfaceError)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Run a write transaction: committed at the end of the block, rolled back by an exception.

    Raises StoreUnavailable, also if the database stays locked.
    """
    with translated(engine), engine.connect().execution_options(alphaads_write=True) as connection, connection.begin():
        yield connection
    if engine.dialect.name == "sqlite":
        copy_long_wal(sqlite_file(engine))


def sqlite_file(engine: Engine) -> Path:
    """The file of a SQLite engine."""
    return _path(str(engine.url.database))


_path = lru_cache(Path)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Run a read-only transaction on one snapshot. Raises StoreUnavailable."""
    with translated(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        with connection.begin():
            yield connection


def _insert(connection: Connection, table: sa.Table) -> Any:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def _in_key_order(table_name: str, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    # Locking rows in one order prevents deadlocks.
    return sorted(rows, key=itemgetter(*_DECLARED[table_name][1].key))


def insert_ignore(connection: Connection, table_name: str, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert rows with new keys; the number inserted."""
    if not rows:
        return 0
    table = sql_table(table_name)
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=list(table.primary_key))
    if connection.dialect.name == "sqlite":
        before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
        connection.execute(statement, _in_key_order(table_name, rows))
        return int(connection.exec_driver_sql("SELECT total_changes()").scalar_one() - before)
    returned = connection.execute(statement.returning(next(iter(table.primary_key))), _in_key_order(table_name, rows))
    return len(returned.all())


def upsert(connection: Connection, table_name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace rows. All name the same columns; the last row of a key wins."""
    if not rows:
        return
    table = sql_table(table_name)
    key = itemgetter(*_DECLARED[table_name][1].key)
    last = list({key(row): row for row in rows}.values())
    insert = _insert(connection, table)
    changed = {name: insert.excluded[name] for name in rows[0] if name not in table.primary_key.columns}
    statement = insert.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
    connection.execute(statement, _in_key_order(table_name, last))


def select_in(
    connection: Connection, table_name: str, column: str, values: Iterable[Any], columns: Sequence[str] | None = None
) -> list[Row[Any]]:
    """Rows whose `column` is among `values`, unordered; `columns` narrows the result."""
    table = sql_table(table_name)
    wanted = [table.c[name] for name in columns] if columns else list(table.c)
    rows: list[Row[Any]] = []
    for some in chunks(list(dict.fromkeys(values))):
        rows.extend(connection.execute(sa.select(*wanted).where(table.c[column].in_(some))).all())
    return rows


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Split values into chunks of a statement's maximal size, in order."""
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


def _migrations() -> Path:
    folder = Path(__file__).resolve().parents[3] / "migrations"
    if not (folder / "env.py").exists():
        raise ConfigurationError("the migrations folder is missing; run from a checkout of the project")
    return folder


def _head(folder: Path) -> str:
    return max(path.stem.split("_")[0] for path in (folder / "versions").glob("[0-9]*.py"))


def revision(engine: Engine) -> str | None:
    """The schema's revision, None without one. Raises StoreUnavailable."""
    with translated(engine), engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if found is None else str(found)


def migrate(url: str, to: str | None = None) -> None:
    """Upgrade the database's schema; cheap when current, safe from several processes at once.

    Parameters
    ----------
    to: an older revision; a newer database is left alone.

    Raises
    ------
    ConfigurationError: the migrations are missing, or older than the database. StoreUnavailable.
    """
    folder = _migrations()
    wanted = to or _head(folder)
    engine = connect(url)
    try:
        if revision(engine) != wanted:
            _upgrade(engine, folder, wanted)
    finally:
        engine.dispose()


def _upgrade(engine: Engine, folder: Path, to: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7305417)")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as error:
            raise ConfigurationError(f"the database has a schema that this version does not know: {error}") from error
