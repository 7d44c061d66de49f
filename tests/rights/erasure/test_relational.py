"""Erased rows leave SQLite and PostgreSQL, others stay, with concurrent readers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.rights.backups.key_backups import KeyBackups
from alphaads_pipelines.rights.erasure.base import ErasedStores, ErasureTarget
from alphaads_pipelines.rights.erasure.relational import RelationalEraser, delete_subject
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import RAW_POSTS, REJECTED_POSTS, RELATIONAL_TABLES
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.streams.embedded import EmbeddedStream
from alphaads_pipelines.streams.topics import Topics
from tests.stores.lake.lake_rows import frame

pytestmark = pytest.mark.integration
GONE, OTHER = "a" * 32, "b" * 32
SUBJECT = ErasureTarget(GONE, 0)
BY_SUBJECT = [table for table in RELATIONAL_TABLES if table.subject_column == "subject_id"]
_VALUES: dict[str, Any] = {
    **{"bool": True, "int32": 1, "int64": 1, "float64": 0.5, "json": {}, "binary": b"x"},
    **{"timestamp": datetime(2026, 11, 24, tzinfo=UTC), "date": datetime(2026, 11, 24, tzinfo=UTC).date()},
}


def row_of(table: Table, subject: str) -> dict[str, Any]:
    values = {each.name: _VALUES.get(each.type, f"{each.name} {subject[0]}") for each in table.columns}
    values |= {
        each.name: subject.encode() for each in table.columns if each.type == "binary" and each.name in table.key
    }
    if table.autoincrement:
        del values[table.key[0]]
    return {**values, "subject_id": subject}


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with transaction(engine) as connection:
        for table in BY_SUBJECT:
            for subject in (GONE, OTHER):
                connection.execute(sql_table(table.name).insert().values(row_of(table, subject)))
    return engine


@pytest.fixture
def eraser(filled: Engine, tmp_path: Path) -> RelationalEraser:
    lake, stream = DeltaLake(tmp_path / "lake"), EmbeddedStream(tmp_path / "stream")
    lake.append(RAW_POSTS, frame(RAW_POSTS, [{"subject_id": GONE, "post_key": b"mine"}]))
    lake.append(REJECTED_POSTS, frame(REJECTED_POSTS, [{"subject_id": GONE, "shard": 3, "stream_offset": 7}]))
    with transaction(filled) as connection:
        for key, offset in ((b"mine", 1), (b"rejected", 7), (b"of another", 8)):
            row = {"post_key": key, "stream_partition": 0, "stream_offset": offset}
            connection.execute(sql_table("post_keys").insert().values(row))
    places = {"home": tmp_path, "spool_path": tmp_path / "spool", "topics": Topics("posts", "decisions", "events")}
    ports: Any = SimpleNamespace(engine=filled, lake=lake, stream=stream, shards=4, **places)
    return RelationalEraser(ErasedStores(ports, KeyBackups(tmp_path / "keys", datetime.resolution), ""))


def held(engine: Engine, name: str, column: str) -> list[Any]:
    table = sql_table(name)
    with reading(engine) as connection:
        found = connection.execute(sa.select(table.c[column]).order_by(table.c[column])).scalars().all()
    return [bytes(each) if isinstance(each, memoryview) else each for each in found]


@pytest.mark.parametrize("table", BY_SUBJECT, ids=lambda table: table.name)
def test_rows_of_one_subject_go_and_those_of_others_stay(filled: Engine, table: Table) -> None:
    with transaction(filled) as connection:
        rows = delete_subject(connection, GONE)
    assert rows[table.name] == 1
    left = [OTHER, None] if table.name == "rights_requests" else [OTHER]
    assert sorted(held(filled, table.name, "subject_id"), key=str) == sorted(left, key=str)


def test_keys_of_their_posts_go_even_of_those_that_were_rejected(eraser: RelationalEraser, filled: Engine) -> None:
    assert eraser.erase(SUBJECT, lambda _: None)["post_keys"] == 2
    assert held(filled, "post_keys", "post_key") == [b"of another"]


def test_nothing_is_found_afterwards_in_rows_pages_and_log(eraser: RelationalEraser) -> None:
    assert eraser.check(SUBJECT).found > 0
    eraser.erase(SUBJECT, lambda _: None)
    checked = eraser.check(SUBJECT)
    assert checked.found == 0
    assert eraser.check(ErasureTarget(OTHER, 0)).found > 0
    assert checked.looked_at.keys() in ({"pages", "wal_bytes"}, {"rows", "wal_position"})


def test_erasing_again_finds_nothing_to_do(eraser: RelationalEraser) -> None:
    eraser.erase(SUBJECT, lambda _: None)
    again = eraser.erase(SUBJECT, lambda _: None)
    assert (set(again["rows"].values()), again["post_keys"]) == ({0}, 0)
