"""The relational store as files, on SQLite and PostgreSQL: one state without keys, and back into an empty database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.stores.sql.dump import KEY_TABLES, SQLITE_FILE, dump, is_empty, load
from alphaads_pipelines.stores.sql.relational import connect, insert_ignore, reading, sql_table, transaction, upsert

pytestmark = pytest.mark.integration
_VERSION = {"id": 1, "version": 7}
NOON = datetime(2026, 11, 24, 12, 30, 15, 123456, tzinfo=UTC)


def _fill(engine: Engine) -> None:
    key = {"key_id": "k", "subject_id": "s", "wrapped_key": b"wrapped" * 8, "kek_id": "first", "expires_at": None}
    pointer = {"publish_seq": 1, "published_at": NOON}
    consent = {"subject_id": "s", "purpose": "analytics", "is_granted": True, "source": "api", "evidence": "e\t\n"}
    with transaction(engine) as connection:
        insert_ignore(connection, "subject_keys", [key])
        insert_ignore(connection, "active_kek", [{"id": 1, "kek_id": "first", "activated_at": NOON}])
        upsert(connection, "published", [{"shard": each, "versions": {"t": each}, **pointer} for each in (1, 2)])
        insert_ignore(
            connection, "live_profiles", [{"subject_id": "s", "shard": 1, "publish_seq": 1, "state": b"\0\n"}]
        )
        for _ in range(3):
            connection.execute(sql_table("consent_events").insert().values(recorded_at=NOON, **consent))
        connection.execute(sql_table("consent_events").delete().where(sql_table("consent_events").c.change_seq == 3))


def _rows(engine: Engine) -> dict[str, list[str]]:
    names = ("published", "live_profiles", "consent_events", *sorted(KEY_TABLES))
    with reading(engine) as connection:
        return {name: sorted(map(repr, connection.execute(sa.select(sql_table(name))).all())) for name in names}


@pytest.fixture
def target_url(engine: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Where a dump of `engine` goes back: the file that it is, or a fresh database."""
    if engine.dialect.name == "sqlite":
        return f"sqlite:///{tmp_path / 'dump' / SQLITE_FILE}"
    url: str = request.getfixturevalue("postgres_server").fresh_database()
    return url


def test_what_was_dumped_comes_back_without_keys_and_counts_on(engine: Engine, target_url: str, tmp_path: Path) -> None:
    assert is_empty(engine)
    _fill(engine)
    (tmp_path / "dump").mkdir()
    dumped = dump(engine, tmp_path / "dump")
    assert dumped.published == {"t": frozenset({1, 2})}
    content = b"".join(path.read_bytes() for path in (tmp_path / "dump").rglob("*") if path.is_file())
    assert b"wrapped" * 8 not in content
    load(target_url, tmp_path / "dump", dumped, lambda connection: upsert(connection, "gazetteer_version", [_VERSION]))
    back = connect(target_url)
    assert _rows(back) == {**_rows(engine), **{name: [] for name in KEY_TABLES}}
    with transaction(back) as connection:
        insert_ignore(connection, "key_generation", [{"id": 1, "generation": 0}])
        event = sql_table("consent_events").insert().returning(sql_table("consent_events").c.change_seq)
        row = {"subject_id": "s", "purpose": "p", "is_granted": True, "source": "s", "evidence": "e"}
        assert connection.execute(event.values(recorded_at=NOON, **row)).scalar_one() == 4, "no number comes twice"
        assert connection.execute(sa.select(sql_table("gazetteer_version").c.version)).scalar_one() == 7
    back.dispose()


def test_a_dump_goes_into_a_database_of_its_own_kind(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "dump").mkdir()
    dumped = dump(engine, tmp_path / "dump")
    other = "postgresql://127.0.0.1:1/none" if dumped.dialect == "sqlite" else f"sqlite:///{tmp_path / 'other.db'}"
    with pytest.raises(InvalidRequest, match=f"of {dumped.dialect}"):
        load(other, tmp_path / "dump", dumped, lambda _: None)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_rows_of_one_schema_never_go_into_another(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "dump").mkdir()
    dumped = dump(engine, tmp_path / "dump")
    url = engine.url.render_as_string(hide_password=False)
    with pytest.raises(InvalidRequest, match="empty database"):
        load(url, tmp_path / "dump", replace(dumped, revision="0001"), lambda _: None)
