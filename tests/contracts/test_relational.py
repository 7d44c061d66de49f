"""What the relational store promises, checked on SQLite and on PostgreSQL."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, StatementError

from alphaads_pipelines.errors import ConfigurationError, StoreUnavailable
from alphaads_pipelines.schema.tables import RELATIONAL_TABLES
from alphaads_pipelines.stores.sql import relational
from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.relational import (
    METADATA,
    connect,
    insert_ignore,
    migrate,
    reading,
    select_in,
    sql_table,
    transaction,
    upsert,
)
from deploy.servers import Postgres
from tests.concurrency import at_once
from tests.conftest import ROOT

_NUMBER = PreparedStatement(sa.select(sa.func.count()).select_from(relational.sql_table("post_keys")))

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)
POSTS = sql_table("post_keys")


def _post(number: int, offset: int = 0) -> dict[str, Any]:
    return {"post_key": number.to_bytes(16, "big"), "stream_partition": 0, "stream_offset": offset}


def _offsets(engine: Engine) -> dict[int, int]:
    with reading(engine) as connection:
        rows = connection.execute(sa.select(POSTS)).all()
    return {int.from_bytes(row.post_key, "big"): row.stream_offset for row in rows}


def test_a_transaction_commits_at_its_end(engine: Engine) -> None:
    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(1, 7)])
        assert _offsets(engine) == {}, "nobody else sees what is not committed"
    assert _offsets(engine) == {1: 7}


def test_a_transaction_that_raises_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="planted"), transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(1)])
        raise RuntimeError("planted")
    assert _offsets(engine) == {}


def test_a_reading_transaction_sees_one_snapshot(engine: Engine) -> None:
    with reading(engine) as connection:
        assert select_in(connection, "post_keys", "stream_partition", [0]) == []
        with transaction(engine) as other:
            insert_ignore(other, "post_keys", [_post(1)])
        assert select_in(connection, "post_keys", "stream_partition", [0]) == []
    assert _offsets(engine) == {1: 0}


def test_writers_wait_for_each_other_and_lose_nothing(engine: Engine) -> None:
    def count_up() -> None:
        for _ in range(20):
            with transaction(engine) as connection:
                connection.execute(POSTS.update().values(stream_offset=POSTS.c.stream_offset + 1))

    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(1)])
    at_once(*[count_up] * 4)
    assert _offsets(engine) == {1: 80}


def test_racing_upserts_of_the_same_rows_do_not_deadlock(engine: Engine) -> None:
    def write(seed: int) -> None:
        rng = random.Random(seed)
        for turn in range(10):
            rows = [_post(number, seed * 100 + turn) for number in range(50)]
            rng.shuffle(rows)
            with transaction(engine) as connection:
                upsert(connection, "post_keys", rows)

    at_once(*[lambda seed=seed: write(seed) for seed in range(4)])
    assert len(_offsets(engine)) == 50
    assert len(set(_offsets(engine).values())) == 1, "the last writer wrote all of its rows, or none"


def test_an_insert_that_ignores_counts_what_is_new(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert insert_ignore(connection, "post_keys", []) == 0
        assert insert_ignore(connection, "post_keys", [_post(number) for number in range(5)]) == 5
        assert insert_ignore(connection, "post_keys", [_post(number, 9) for number in range(3, 8)]) == 3
    assert _offsets(engine) == {0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 9, 6: 9, 7: 9}


def test_of_one_key_twice_in_an_insert_the_first_stays(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert insert_ignore(connection, "post_keys", [_post(1, 1), _post(2, 2), _post(1, 3)]) == 2
    assert _offsets(engine) == {1: 1, 2: 2}


def test_an_upsert_replaces(engine: Engine) -> None:
    with transaction(engine) as connection:
        upsert(connection, "post_keys", [])
        upsert(connection, "post_keys", [_post(number) for number in range(3)])
        upsert(connection, "post_keys", [_post(number, 9) for number in range(2, 5)])
    assert _offsets(engine) == {0: 0, 1: 0, 2: 9, 3: 9, 4: 9}


def test_of_one_key_twice_in_an_upsert_the_last_stays(engine: Engine) -> None:
    with transaction(engine) as connection:
        upsert(connection, "post_keys", [_post(1, 1), _post(2, 2), _post(1, 3)])
    assert _offsets(engine) == {1: 3, 2: 2}


def test_sets_far_beyond_the_limit_of_parameters(tight_engine: Engine) -> None:
    many = 5_000
    with transaction(tight_engine) as connection:
        assert insert_ignore(connection, "post_keys", [_post(number, number) for number in range(many)]) == many
        upsert(connection, "post_keys", [_post(number, number) for number in range(many)])
    keys = [_post(number)["post_key"] for number in range(2 * many)]
    with reading(tight_engine) as connection:
        found = select_in(connection, "post_keys", "post_key", keys + keys[:1000], ["stream_offset"])
    assert sorted(row.stream_offset for row in found) == list(range(many))


def test_selecting_among_nothing_finds_nothing(engine: Engine) -> None:
    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(1)])
        assert select_in(connection, "post_keys", "post_key", []) == []


def test_times_come_back_as_they_went_in(engine: Engine) -> None:
    moments = [NOON, datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), datetime(2100, 2, 28, tzinfo=UTC)]
    rows = [{"jti": f"{number}", "expires_at": at} for number, at in enumerate(moments)]
    elsewhere = {"jti": "3", "expires_at": NOON.astimezone(timezone(timedelta(hours=-5)))}
    with transaction(engine) as connection:
        insert_ignore(connection, "revoked_tokens", [*rows, elsewhere])
    tokens = sql_table("revoked_tokens")
    with reading(engine) as connection:
        found = connection.execute(sa.select(tokens.c.expires_at).order_by(tokens.c.jti)).scalars().all()
        later = connection.execute(sa.select(tokens.c.jti).where(tokens.c.expires_at > NOON)).scalars().all()
    assert found == [*moments, NOON]
    assert all(at.tzinfo is UTC for at in found)
    assert later == ["2"]


def test_a_time_without_a_zone_is_refused(engine: Engine) -> None:
    naive = {"jti": "j", "expires_at": NOON.replace(tzinfo=None)}
    with pytest.raises(StatementError, match="naive"), transaction(engine) as connection:
        insert_ignore(connection, "revoked_tokens", [naive])


def test_documents_and_bytes_come_back_as_they_went_in(engine: Engine) -> None:
    document = {"creatives": [{"headline": "Grüße 😀", "cap": None, "share": 0.25}]}
    row = {"name": "creatives", "version": 2**40, "document": document, "published_at": NOON}
    state = bytes(range(256))
    profile = {"subject_id": "s", "shard": 1, "publish_seq": 2, "state": state}
    with transaction(engine) as connection:
        upsert(connection, "published_documents", [row])
        upsert(connection, "live_profiles", [profile])
    with reading(engine) as connection:
        [held] = select_in(connection, "published_documents", "name", ["creatives"])
        [live] = select_in(connection, "live_profiles", "subject_id", ["s"])
    assert (held.version, held.document) == (2**40, document)
    assert bytes(live.state) == state


def test_a_wrong_statement_is_no_outage(engine: Engine) -> None:
    for use in (transaction, reading):
        with pytest.raises(DBAPIError), use(engine) as connection:
            connection.exec_driver_sql("SELECT nothing FROM no_such_table")


def test_a_lock_that_is_never_given_back_is_an_outage(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relational, "BUSY_MS", 200)
    engine = connect(database_url)
    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(1)])
    with transaction(engine) as holder:
        holder.execute(POSTS.update().values(stream_offset=1))
        with pytest.raises(StoreUnavailable), transaction(engine) as connection:
            connection.execute(POSTS.update().values(stream_offset=2))
    assert _offsets(engine) == {1: 1}
    engine.dispose()


def test_no_free_connection_is_an_outage(engine: Engine) -> None:
    small = sa.create_engine(engine.url, pool_size=1, max_overflow=0, pool_timeout=0.1)
    with reading(small), pytest.raises(StoreUnavailable, match="busy"), reading(small):
        pass
    small.dispose()


def test_a_database_that_is_away_is_an_outage(tmp_path: Path) -> None:
    nowhere = (f"sqlite:///{tmp_path / 'no' / 'folder' / 'a.db'}", "postgresql://alphaads@127.0.0.1:1/postgres")
    for url in nowhere:
        with pytest.raises(StoreUnavailable):
            migrate(url)
        for use in (transaction, reading):
            with pytest.raises(StoreUnavailable), use(connect(url)):
                pass


@pytest.fixture
def own_server() -> Iterator[Postgres]:
    """A server that the test may end."""
    with Postgres() as server:
        yield server


@pytest.mark.slow
def test_a_server_that_went_away_is_an_outage_and_its_return_needs_no_new_engine(own_server: Postgres) -> None:
    url = own_server.fresh_database()
    migrate(url)
    engine = connect(url)
    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(1)])
    assert _NUMBER.read(engine) == [(1,)]
    with pytest.raises(StoreUnavailable), transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(2)])
        own_server.kill()
        insert_ignore(connection, "post_keys", [_post(3)])
    for ask in (_offsets, _NUMBER.read):
        with pytest.raises(StoreUnavailable):
            ask(engine)
    own_server.start()
    assert _NUMBER.read(engine) == [(1,)]
    assert _offsets(engine) == {1: 0}
    engine.dispose()


def test_a_frozen_process_on_postgresql_loses_its_transaction(
    migrated_postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relational, "_IDLE_MS", 200)
    frozen, awake = connect(migrated_postgres), connect(migrated_postgres)
    upserted = [_post(77, 1)]
    with pytest.raises(StoreUnavailable), transaction(frozen) as connection:
        upsert(connection, "post_keys", upserted)
        with transaction(awake) as other:
            upsert(other, "post_keys", [_post(77, 2)])  # waits until the server ends the frozen one
        upsert(connection, "post_keys", upserted)
    assert _offsets(awake)[77] == 2
    frozen.dispose()
    awake.dispose()


# --- the schema ------------------------------------------------------------------------------------------------------


def _structure(engine: Engine) -> dict[str, Any]:
    inspector = sa.inspect(engine)
    structure = {}
    for name in sorted(set(inspector.get_table_names()) - {"alembic_version"}):
        columns = [(each["name"], str(each["type"]), each["nullable"]) for each in inspector.get_columns(name)]
        indexes = sorted((each["name"], tuple(each["column_names"])) for each in inspector.get_indexes(name))
        structure[name] = (columns, inspector.get_pk_constraint(name)["constrained_columns"], indexes)
    return structure


def test_migrations_lead_to_what_is_declared(fresh_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    migrate(fresh_url)
    migrated = connect(fresh_url)
    if migrated.dialect.name == "sqlite":
        declared = connect(f"sqlite:///{tmp_path / 'declared.db'}")
    else:
        declared = connect(request.getfixturevalue("postgres_server").fresh_database())
    METADATA.create_all(declared)
    structure = _structure(migrated)
    assert structure == _structure(declared)
    assert set(structure) == {table.name for table in RELATIONAL_TABLES}
    if migrated.dialect.name == "sqlite":
        assert _sqlite_options(migrated) == _sqlite_options(declared)
    migrated.dispose()
    declared.dispose()


def _sqlite_options(engine: Engine) -> dict[str, tuple[bool, bool]]:
    with reading(engine) as connection:
        rows = connection.exec_driver_sql("SELECT name, upper(sql) FROM sqlite_master WHERE type = 'table'").all()
    return {
        name: ("WITHOUT ROWID" in sql, "AUTOINCREMENT" in sql)
        for name, sql in rows
        if name not in ("alembic_version", "sqlite_sequence")
    }


def test_migrating_again_changes_nothing(fresh_url: str) -> None:
    migrate(fresh_url)
    engine = connect(fresh_url)
    before = _structure(engine)
    with transaction(engine) as connection:
        insert_ignore(connection, "post_keys", [_post(1)])
    migrate(fresh_url)
    assert _structure(engine) == before
    assert _offsets(engine) == {1: 0}
    engine.dispose()


def test_migrations_lead_back_to_nothing_and_up_again(fresh_url: str) -> None:
    migrate(fresh_url)
    engine = connect(fresh_url)
    before = _structure(engine)
    _downgrade(engine)
    assert _structure(engine) == {}
    migrate(fresh_url)
    assert _structure(engine) == before
    engine.dispose()


def test_live_profiles_survive_the_rebuilding_of_their_table(fresh_url: str) -> None:
    migrate(fresh_url)
    engine = connect(fresh_url)
    _downgrade(engine, "0003")
    row = {"subject_id": "a" * 32, "shard": 3, "publish_seq": 7, "state": b"state"}
    with transaction(engine) as connection:
        insert_ignore(connection, "live_profiles", [row])
    migrate(fresh_url)
    with reading(engine) as connection:
        [held] = select_in(connection, "live_profiles", "subject_id", ["a" * 32])
    assert held._asdict() == row
    engine.dispose()


def _downgrade(engine: Engine, to: str = "base") -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    with transaction(engine) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, to)


def test_a_database_of_a_newer_version_is_refused(fresh_url: str) -> None:
    migrate(fresh_url)
    engine = connect(fresh_url)
    with transaction(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="9999"):
        migrate(fresh_url)
    engine.dispose()


def _migrate_when_told(url: str, start: Any) -> None:
    start.wait(300)
    migrate(url)


def test_processes_that_create_the_database_at_once_all_succeed(fresh_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(3)
    processes = [context.Process(target=_migrate_when_told, args=(fresh_url, start)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    engine = connect(fresh_url)
    assert set(_structure(engine)) == {table.name for table in RELATIONAL_TABLES}
    engine.dispose()
