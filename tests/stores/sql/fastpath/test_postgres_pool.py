"""PostgreSQL pool of the fast path: reuse, dead connections, prepared plans, lifetime."""

from __future__ import annotations

import gc
import multiprocessing
import threading
from contextlib import ExitStack
from typing import Any

import psycopg2
import psycopg2.extensions
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.stores.sql.fastpath import postgres_pool
from alphaads_pipelines.stores.sql.fastpath.postgres_pool import pooled_connection
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.fastpath.transaction import fast_transaction
from alphaads_pipelines.stores.sql.relational import connect
from tests.stores.api_keys import KEYS, NUMBER, add_key, queue_key

_WHO = PreparedStatement(sa.text("SELECT pg_backend_pid()").columns(sa.column("pid", sa.Integer)))
_TWICE = PreparedStatement(
    sa.select(sa.cast(sa.bindparam("given"), sa.Text), sa.cast(sa.bindparam("given"), sa.Integer) % 7).where(
        sa.literal_column("'a%b'").like("a%")
    )
)

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def _backends(engine: Engine) -> list[int]:
    with ExitStack() as stack:
        lent_now = [stack.enter_context(pooled_connection(engine)) for _ in range(3)]
        return [each.driver_connection.info.backend_pid for each in lent_now]


def _end(engine: Engine, backend: int) -> None:
    """What a restart of the server does to a connection."""
    with engine.begin() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": backend})


def test_the_last_that_was_given_back_is_lent_next(engine: Engine) -> None:
    assert _WHO.read(engine) == _WHO.read(engine)
    backends = _backends(engine)
    assert len(set(backends)) == 3
    assert set(backends) == set(_backends(engine))


def test_one_that_the_server_ended_is_replaced_before_anybody_asks_it(engine: Engine) -> None:
    for backend in _backends(engine):
        _end(engine, backend)
    assert NUMBER.read(engine) == [(0,)]
    [(backend,)] = _WHO.read(engine)
    _end(engine, backend)
    with fast_transaction(engine) as connection:
        add_key(connection, "one")
    assert NUMBER.read(engine) == [(1,)]


def test_one_that_is_ended_while_it_is_used_is_an_outage_and_the_next_is_another(engine: Engine) -> None:
    with pytest.raises(StoreUnavailable), fast_transaction(engine) as connection:
        add_key(connection, "one")
        _end(engine, connection.connection.driver_connection.info.backend_pid)
        add_key(connection, "two")
    assert NUMBER.read(engine) == [(0,)]


def test_a_brief_transaction_is_two_messages_where_one_is_asked(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fast_transaction(engine) as connection:  # prepares
        queue_key(connection, "one")
        NUMBER.run(connection)
    messages: list[bytes] = []

    class Overheard(psycopg2.extensions.cursor):
        def execute(self, *arguments: Any) -> None:
            super().execute(*arguments)
            messages.append(self.query)

    with fast_transaction(engine, durable=False) as connection:
        monkeypatch.setattr(connection.connection.driver_connection, "cursor_factory", Overheard)
        queue_key(connection, "two")
        assert NUMBER.scalar(connection) == 2
        queue_key(connection, "three")
    assert [each.count(b"EXECUTE") for each in messages] == [2, 1]
    assert messages[0].startswith(b"BEGIN; SET LOCAL synchronous_commit = off; ")
    assert messages[1].endswith(b"; COMMIT")


def test_a_transaction_that_somebody_left_open_is_not_lent_again(engine: Engine) -> None:
    with pooled_connection(engine) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        left = connection.driver_connection.info.backend_pid
    assert _WHO.read(engine) != [(left,)]


def test_a_wrong_statement_costs_no_connection_and_is_no_outage(engine: Engine) -> None:
    before = _WHO.read(engine)
    wrong = PreparedStatement(sa.text("SELECT nothing FROM nowhere").columns(sa.column("nothing", sa.Integer)))
    for _ in range(2):
        with pytest.raises(psycopg2.ProgrammingError):
            wrong.read(engine)
    assert _WHO.read(engine) == before


def test_a_statement_is_planned_once_and_its_value_may_be_of_two_types(engine: Engine) -> None:
    for given, rest in (("23", 2), ("15", 1)):
        assert _TWICE.read(engine, given=given) == [(given, rest)]
    with pooled_connection(engine) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT count(*), min(generic_plans + custom_plans) FROM pg_prepared_statements")
        assert cursor.fetchone() == (1, 2)


def test_what_was_planned_while_a_table_was_empty_does_not_read_it_whole_later(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("ANALYZE api_keys")
    of_name = PreparedStatement(sa.select(KEYS.c.name).where(KEYS.c.key_hash == sa.bindparam("the_hash")))
    for _ in range(6):  # from the sixth time on the plan is kept
        assert of_name.read(engine, the_hash="one") == []
    with pooled_connection(engine) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT name, generic_plans FROM pg_prepared_statements")
        [(name, times)] = cursor.fetchall()
        cursor.execute(f"EXPLAIN EXECUTE {name} ('one')")
        plan = "".join(line for (line,) in cursor.fetchall())
        cursor.execute("SHOW jit")
        assert (times, "Index" in plan, "Seq Scan" in plan, cursor.fetchone()) == (1, True, False, ("off",))


def test_more_than_there_are_wait_for_one(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "_POOL_SIZE", 1)
    monkeypatch.setattr(postgres_pool, "_MAX_OVERFLOW", 1)
    answers: list[Any] = []
    with pooled_connection(engine), pooled_connection(engine):
        waiting = threading.Thread(target=lambda: answers.extend(NUMBER.read(engine)))
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
    waiting.join()
    assert answers == [(0,)]


def _ask(engine: Engine, inherited: int) -> None:
    assert _WHO.read(engine) != [(inherited,)]


def test_a_fork_has_its_own(engine: Engine) -> None:
    [(backend,)] = _WHO.read(engine)
    child = multiprocessing.get_context("fork").Process(target=_ask, args=(engine, backend))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert _WHO.read(engine) == [(backend,)], "and its parent keeps what it had"


def test_they_go_with_the_engine(engine: Engine, database_url: str) -> None:
    other = connect(database_url)
    [(backend,)] = _WHO.read(other)
    other.dispose()
    assert other not in postgres_pool._pools
    assert _wait_until_gone(engine, backend)
    _WHO.read(other)
    before = len(postgres_pool._pools)
    del other
    gc.collect()
    assert len(postgres_pool._pools) == before - 1


def _wait_until_gone(engine: Engine, backend: int) -> bool:
    query = sa.text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    for _ in range(500):
        with engine.connect() as connection:
            if not connection.execute(query, {"pid": backend}).scalar_one():
                return True
    return False
