"""Empty relational stores, the same for every test on SQLite and on PostgreSQL."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from alphaads_pipelines.stores.sql.relational import METADATA, connect, migrate

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that every SQLite test starts from a copy of."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(request: pytest.FixtureRequest) -> str:
    """URL of the database that every PostgreSQL test empties first."""
    url: str = request.getfixturevalue("postgres_server").fresh_database()
    migrate(url)
    return url


@pytest.fixture(params=DATABASES)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a database that holds nothing, not even a table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'fresh.db'}"
    url: str = request.getfixturevalue("postgres_server").fresh_database()
    return url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of a migrated database without rows."""
    if request.param == "sqlite":
        path = tmp_path / "alphaads.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("migrated_postgres")
    _empty(url)
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a migrated database without rows."""
    built = connect(database_url)
    yield built
    built.dispose()


@pytest.fixture
def tight_engine(engine: Engine) -> Engine:
    """An engine that allows SQLite 1,000 parameters in a statement: few rows are too many for one."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _allow_few_parameters)
    return engine


def _allow_few_parameters(connection: sqlite3.Connection, _record: object) -> None:
    connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 1_000)


def _empty(url: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        names = ", ".join(table.name for table in METADATA.sorted_tables)
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY")
    engine.dispose()
