"""Every stored field of a filled installation is declared: with a privacy label, and an erasure path if it is personal.

Each store is opened as it lies on disk and what is found there is compared with tables.py and records.py.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from alphaads_pipelines.runtime.in_process import in_process
from alphaads_pipelines.schema.records import BESIDE, DOCUMENTS, FILES, POST_RECORD, RECORDS
from alphaads_pipelines.schema.tables import LAKE_TABLES, RELATIONAL_TABLES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.documents import publish_document
from alphaads_pipelines.wiring.app import wired
from tests.rights.filled import NOON, fill

NO_FIELDS = {"alembic_version", "sqlite_sequence"}
"""Tables of the tools, without a word about people."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """An installation that holds people in every store; nothing of it is open any more."""
    home = tmp_path_factory.mktemp("stored") / "home"
    settings = Settings(_env_file=None, environment="test", alphaads_home=home, scorer_tier="lexicon", shards=4)
    with wired(settings) as wiring:
        fill(wiring, posts=60, authors=20)
        with in_process(wiring) as jobs:
            jobs.advertising()
    yield settings


def _tables(database: Path) -> dict[str, set[str]]:
    """Table -> its columns."""
    with closing(sqlite3.connect(database)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')} for name in names}


def _records(settings: Settings, topic: str) -> list[bytes]:
    with closing(sqlite3.connect(settings.stream_path / f"{topic}.db")) as connection:
        return [row[0] for row in connection.execute("SELECT value FROM messages")]


def test_every_column_of_the_relational_store_is_declared(settings: Settings) -> None:
    declared = {table.name: set(table.column_names) for table in RELATIONAL_TABLES}
    stored = _tables(settings.alphaads_home / "relational.db")
    assert {name: columns for name, columns in stored.items() if name not in NO_FIELDS} == declared


def test_every_column_of_the_lake_is_declared(settings: Settings) -> None:
    declared = {table.name: set(table.column_names) for table in LAKE_TABLES}
    folders = {path.name for path in settings.lake_path.iterdir()}
    assert folders <= declared.keys()
    for name in folders:
        for path in (settings.lake_path / name).rglob("*.parquet"):
            if "_delta_log" not in path.parts:
                assert set(pq.read_schema(path).names) <= declared[name], name


def test_every_topic_and_every_field_of_its_records_is_declared(settings: Settings) -> None:
    declared = {each.name: each for each in RECORDS}
    assert {path.stem for path in settings.stream_path.glob("*.db")} == declared.keys()
    for record in _records(settings, POST_RECORD.name):
        assert len(msgspec.msgpack.decode(record)) == len(POST_RECORD.columns)
    for topic in declared.keys() - {POST_RECORD.name}:
        records = _records(settings, topic)
        assert records, topic
        for record in records:
            assert json.loads(record).keys() <= set(declared[topic].column_names), topic


def test_every_published_document_and_its_parts_are_declared(settings: Settings) -> None:
    declared = {each.name: set(each.column_names) for each in DOCUMENTS}
    with closing(sqlite3.connect(settings.alphaads_home / "relational.db")) as connection:
        documents = connection.execute("SELECT name, document FROM published_documents").fetchall()
    assert {"advertising", "policy", "policy_learner"} <= {name for name, _ in documents}
    for name, document in documents:
        assert json.loads(document).keys() <= declared[name], name


def test_everything_under_the_home_is_declared(settings: Settings) -> None:
    declared = {each.name for each in FILES}
    found = {path.name.removesuffix("-wal").removesuffix("-shm") for path in settings.alphaads_home.iterdir()}
    assert found <= declared


def test_everything_beside_the_home_is_declared(settings: Settings) -> None:
    home = settings.alphaads_home
    declared = {f"{home.name}.{each.name}" for each in BESIDE}
    assert {path.name for path in home.parent.iterdir()} - {home.name} <= declared


def test_a_document_that_is_not_declared_cannot_be_published(settings: Settings) -> None:
    with wired(settings) as wiring, pytest.raises(KeyError):
        publish_document(wiring.engine, "people we know", {}, NOON)


def test_the_tables_of_other_programs_are_those_that_were_looked_at(settings: Settings) -> None:
    declared = {each.name: set(each.column_names) for each in FILES if "foreign" in each.stores}
    home = settings.alphaads_home
    assert _tables(home / "broker.db").keys() - NO_FIELDS == declared["broker.db"]
    assert _tables(home / "broker-results.db").keys() - NO_FIELDS == declared["broker-results.db"]
    dagster = [path for path in (home / "dagster").rglob("*") if path.is_file() and path.suffix == ".db"]
    assert {name for path in dagster for name in _tables(path)} - NO_FIELDS == declared["dagster"]
