"""Readers for people: the same rows through polars, pandas and DuckDB."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from alphaads_pipelines.errors import ConfigurationError, InvalidRequest, NotFound
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import LAKE_TABLES, POST_SCORES, RAW_POSTS
from alphaads_pipelines.stores.lake import delta_merge
from alphaads_pipelines.stores.lake.base import polars_schema
from alphaads_pipelines.stores.lake.delta import DeltaLake
from alphaads_pipelines.stores.lake.readers import read_duckdb, read_pandas, read_polars
from tests.stores.lake.lake_rows import OTHER_DAY, frame, no_guard, post_slice, posts


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def filled(root: Path) -> Path:
    """Version 1 holds batch 1, version 2 batch 2 as well, of another date."""
    lake = DeltaLake(root)
    lake.replace_slice(RAW_POSTS, posts(1, {0: range(5), 1: range(3)}), post_slice(1, {0: (0, 5), 1: (0, 3)}), no_guard)
    lake.replace_slice(RAW_POSTS, posts(2, {0: range(5, 7)}, OTHER_DAY), post_slice(2, {0: (5, 7)}), no_guard)
    return root


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_every_table_reads_alike_in_all_three(root: Path, table: Table) -> None:
    rows = frame(table, [{}])
    DeltaLake(root).append(table, rows)
    assert read_polars(root, table.name).collect().equals(rows)
    assert pl.from_pandas(read_pandas(root, table.name)).cast(dict(polars_schema(table))).equals(rows)
    relation = read_duckdb(root, table.name)
    assert relation.columns == list(table.column_names)
    assert relation.fetchall() == rows.rows()


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_a_table_that_nobody_wrote_is_empty_with_its_columns(root: Path, table: Table) -> None:
    assert read_polars(root, table.name).collect_schema() == polars_schema(table)
    assert read_pandas(root, table.name).columns.tolist() == list(table.column_names)
    relation = read_duckdb(root, table.name)
    assert relation.columns == list(table.column_names)
    assert relation.fetchall() == []


def test_types_are_as_declared(filled: Path) -> None:
    found = read_pandas(filled, "raw_posts", columns=["event_date", "shard", "created_at", "sealed_body"])
    assert str(found["created_at"].dtype).endswith("UTC]")
    assert found["sealed_body"].iloc[0] == b"sealed"
    assert pd.api.types.is_integer_dtype(found["shard"])
    relation = read_duckdb(filled, "raw_posts", columns=["event_date", "shard", "created_at", "sealed_body"])
    assert [str(each) for each in relation.types] == ["DATE", "INTEGER", "TIMESTAMP WITH TIME ZONE", "BLOB"]
    ((day, shard, created, body),) = relation.filter("event_date = DATE '2024-03-01'").limit(1).fetchall()
    assert isinstance(day, date)
    assert isinstance(shard, int)
    assert created.astimezone(UTC) == datetime(2024, 3, 1, 12, tzinfo=UTC)
    assert body == b"sealed"


def test_columns_come_in_the_order_asked_for(filled: Path) -> None:
    wanted = ["stream_offset", "shard", "event_date"]
    assert read_polars(filled, "raw_posts", columns=wanted).collect_schema().names() == wanted
    assert read_pandas(filled, "raw_posts", columns=wanted).columns.tolist() == wanted
    assert read_duckdb(filled, "raw_posts", columns=wanted).columns == wanted


@pytest.mark.parametrize(("version", "offsets"), [(0, 0), (1, 8), (2, 10), (None, 10)])
def test_older_versions_are_read_alike(filled: Path, version: int | None, offsets: int) -> None:
    assert read_polars(filled, "raw_posts", version=version).collect().height == offsets
    assert len(read_pandas(filled, "raw_posts", version=version)) == offsets
    assert len(read_duckdb(filled, "raw_posts", version=version).fetchall()) == offsets


def test_duckdb_filters_on_partitions_and_joins_on_a_connection_of_the_caller(filled: Path) -> None:
    with duckdb.connect() as connection:
        relation = read_duckdb(filled, "raw_posts", connection=connection)
        assert relation.filter("event_date = DATE '2024-02-01'").aggregate("count(*)").fetchall() == [(2,)]
        counts = connection.sql("SELECT batch_seq, count(*) FROM relation GROUP BY ALL ORDER BY ALL").fetchall()
        assert counts == [(1, 8), (2, 2)]


def test_duckdb_loads_no_extension(filled: Path) -> None:
    with duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}) as own:
        assert len(read_duckdb(filled, "raw_posts", connection=own).fetchall()) == 10


def test_unknown_tables_columns_and_versions_are_said(filled: Path) -> None:
    for read in (read_polars, read_pandas, read_duckdb):
        with pytest.raises(NotFound, match="raw_posts"):
            read(filled, "posts_raw")
        with pytest.raises(NotFound):
            read(filled, "raw_posts", version=99)
        with pytest.raises(InvalidRequest, match="text"):
            read(filled, "raw_posts", columns=["text"])
    with pytest.raises(ConfigurationError):
        read_duckdb("s3://bucket/lake", "raw_posts")


def test_columns_younger_than_the_files_are_null(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = Table(
        POST_SCORES.name, "lake", "", POST_SCORES.columns[:-1], POST_SCORES.key, partition_by=POST_SCORES.partition_by
    )
    lake = DeltaLake(root)
    lake.append(older, frame(older, [{}]))
    assert read_polars(root, "post_scores", columns=["model_version"]).collect().rows() == [(None,)]
    assert read_duckdb(root, "post_scores", columns=["model_version", "tier"]).fetchall() == [(None, "x")]
    lake.append(POST_SCORES, frame(POST_SCORES, [{}]))
    for _ in ("files of both kinds", "merged"):
        assert read_polars(root, "post_scores", columns=["model_version"]).null_count().collect().item() == 1
        assert read_pandas(root, "post_scores")["model_version"].isna().sum() == 1
        values = read_duckdb(root, "post_scores", columns=["model_version"]).fetchall()
        assert sorted(values, key=str) == [("x",), (None,)]
        monkeypatch.setattr(delta_merge, "FANOUT", 2)
        lake.maintain(POST_SCORES, retention_hours=0)
    assert len(lake.files(POST_SCORES)) == 1
