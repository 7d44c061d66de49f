"""Fast transactions and thread-local connections: atomicity, blocking, lifetime."""

from __future__ import annotations

import gc
import multiprocessing
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.schema import CreateTable

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.stores.sql.fastpath import sqlite_connection
from alphaads_pipelines.stores.sql.fastpath.connections import driver_connection
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.fastpath.transaction import WouldBlock, fast_transaction, is_nonblocking, nonblocking
from alphaads_pipelines.stores.sql.relational import connect, migrate, reading, transaction
from tests.stores.api_keys import KEYS, NUMBER, add_key, queue_key


def _add(engine: Engine, name: str) -> None:
    with fast_transaction(engine) as connection:
        add_key(connection, name)
        if name == "bad":
            raise KeyError(name)


def _number(engine: Engine) -> int:
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(KEYS)).scalar_one())


def test_it_is_committed_or_nothing_is(engine: Engine) -> None:
    _add(engine, "good")
    with pytest.raises(KeyError):
        _add(engine, "bad")
    assert _number(engine) == 1
    assert NUMBER.read(engine) == [(1,)], "and the next one finds a connection without a transaction"


_ORPHANS = sa.Table(
    "orphans",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.Integer, sa.ForeignKey("orphans.id", deferrable=True, initially="DEFERRED")),
    prefixes=["TEMPORARY"],
)


def test_a_commit_that_fails_leaves_no_transaction_open(engine: Engine) -> None:
    with driver_connection(engine) as connection:
        cursor = connection.cursor()
        if engine.dialect.name == "sqlite":
            cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(str(CreateTable(_ORPHANS).compile(dialect=engine.dialect)))
    with pytest.raises(engine.dialect.loaded_dbapi.IntegrityError), fast_transaction(engine) as broken:
        PreparedStatement(_ORPHANS.insert()).run(broken, id=1, parent=2)
    _add(engine, "next")
    assert _number(engine) == 1


def test_what_is_sent_is_done_before_the_next_that_is_run_or_the_commit(engine: Engine) -> None:
    with fast_transaction(engine) as connection:
        queue_key(connection, "one")
        queue_key(connection, "two")
        assert NUMBER.scalar(connection) == 2
        queue_key(connection, "three")
    assert _number(engine) == 3


def test_what_is_sent_and_refused_takes_everything_back(engine: Engine) -> None:
    with pytest.raises(engine.dialect.loaded_dbapi.IntegrityError), fast_transaction(engine) as connection:
        queue_key(connection, "one")
        queue_key(connection, "one")
    with pytest.raises(KeyError), fast_transaction(engine) as connection:
        queue_key(connection, "two")
        raise KeyError("two")
    assert _number(engine) == 0
    _add(engine, "next")
    assert _number(engine) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_who_does_not_wait_is_told_at_once_and_has_changed_nothing(engine: Engine) -> None:
    with transaction(engine):
        with pytest.raises(WouldBlock), nonblocking():
            _add(engine, "hasty")
        waiting = threading.Thread(target=_add, args=(engine, "patient"))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join()
    with nonblocking():
        _add(engine, "hasty")
    assert _number(engine) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_threads_have_one_each_until_the_engine_is_given_up(engine: Engine) -> None:
    seen = []

    def look() -> None:
        for _ in range(2):
            with driver_connection(engine) as connection:
                seen.append(id(connection))

    look()
    other = threading.Thread(target=look)
    other.start()
    other.join()
    assert len(seen) == 4 and len(set(seen)) == 2
    engine.dispose()
    assert engine not in sqlite_connection._connections
    assert NUMBER.read(engine) == [(0,)], "who goes on has a new one"


def _ask(engine: Engine, inherited: int) -> None:
    with driver_connection(engine) as connection:
        assert id(connection) != inherited
    assert NUMBER.read(engine) == [(0,)]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_fork_has_its_own(engine: Engine) -> None:
    with driver_connection(engine) as connection:
        child = multiprocessing.get_context("fork").Process(target=_ask, args=(engine, id(connection)))
    child.start()
    child.join()
    assert child.exitcode == 0


def test_an_engine_that_nobody_holds_leaves_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    migrate(url)
    engine = connect(url)
    NUMBER.read(engine)
    before = len(sqlite_connection._connections)
    engine.dispose()
    del engine
    gc.collect()
    assert len(sqlite_connection._connections) == before - 1


def test_only_a_file_of_this_machine_answers_at_once(tmp_path: Path) -> None:
    assert is_nonblocking(connect(f"sqlite:///{tmp_path / 'a.db'}"))
    away = connect("postgresql+psycopg2://nobody@127.0.0.1:1/nothing")
    assert not is_nonblocking(away) and not is_nonblocking(connect("sqlite://"))
    with pytest.raises(StoreUnavailable), fast_transaction(away):
        pass
