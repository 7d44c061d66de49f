"""Read the lake from a notebook or script with polars, pandas or DuckDB, as of any kept version.

DuckDB gets the version's file list, so it needs no downloaded extension.

>>> read_polars("lake", "post_scores", columns=["subject_id", "emotion"]).filter(...).collect()  # doctest: +SKIP
>>> read_duckdb("lake", "post_scores").aggregate("emotion, count(*)").show()  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from alphaads_pipelines.errors import ConfigurationError, InvalidRequest, NotFound
from alphaads_pipelines.schema.columns import ColumnType, Table
from alphaads_pipelines.schema.tables import LAKE_TABLES
from alphaads_pipelines.stores.lake.delta import DeltaLake

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

_DUCKDB_TYPES: dict[ColumnType, str] = {
    "bool": "BOOLEAN",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "float64": "DOUBLE",
    "utf8": "VARCHAR",
    "json": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}


def read_polars(
    root: str | Path,
    name: str,
    *,
    version: int | None = None,
    columns: Sequence[str] | None = None,
    storage_options: dict[str, str] | None = None,
) -> pl.LazyFrame:
    """Scan a lake table lazily; empty if nothing was written yet.

    Parameters
    ----------
    root: folder or URI of the lake.
    version: Delta version, None for the newest.
    columns: to read, in this order; None for all.
    storage_options: of the object storage, in delta-rs' names.

    Raises
    ------
    NotFound: no such table or version. InvalidRequest: a column is not declared.
    """
    table = _lake_table(name)
    lake = DeltaLake(root, storage_options=storage_options)
    return lake.scan(table, version).select(_wanted(table, columns))


def read_pandas(
    root: str | Path,
    name: str,
    *,
    version: int | None = None,
    columns: Sequence[str] | None = None,
    storage_options: dict[str, str] | None = None,
) -> pd.DataFrame:
    """Like `read_polars`, the whole table in memory; dates and timestamps keep their types."""
    lazy = read_polars(root, name, version=version, columns=columns, storage_options=storage_options)
    return lazy.collect().to_pandas()


def read_duckdb(
    root: str | Path,
    name: str,
    *,
    version: int | None = None,
    columns: Sequence[str] | None = None,
    connection: duckdb.DuckDBPyConnection | None = None,
) -> duckdb.DuckDBPyRelation:
    """Like `read_polars`, as a lazy relation of `connection` (None: a new in-memory database).

    Raises
    ------
    ConfigurationError: the lake is not on local disk.
    """
    import duckdb

    if "://" in str(root):
        raise ConfigurationError("DuckDB reads local lakes only without a downloaded extension; use read_polars")
    table = _lake_table(name)
    files = DeltaLake(root).files(table, version)
    database = connection or duckdb.connect(config={"autoinstall_known_extensions": "false"})
    wanted = _wanted(table, columns)
    if not files:
        nothing = ", ".join(f'NULL::{_DUCKDB_TYPES[table.column(each).type]} AS "{each}"' for each in wanted)
        return database.sql(f"SELECT {nothing} WHERE false")
    relation = database.read_parquet(files, hive_partitioning=True, union_by_name=True)
    return relation.project(", ".join(_duckdb_column(table, each, relation.columns) for each in wanted))


def _duckdb_column(table: Table, name: str, stored: Sequence[str]) -> str:
    """A declared column in DuckDB's SQL; null if no file has it yet."""
    value = f'"{name}"' if name in stored else "NULL"
    return f'CAST({value} AS {_DUCKDB_TYPES[table.column(name).type]}) AS "{name}"'


def _lake_table(name: str) -> Table:
    for table in LAKE_TABLES:
        if table.name == name:
            return table
    raise NotFound(f"no lake table {name!r}; there are: {', '.join(table.name for table in LAKE_TABLES)}")


def _wanted(table: Table, columns: Sequence[str] | None) -> list[str]:
    wanted = list(table.column_names if columns is None else columns)
    unknown = [name for name in wanted if name not in table.column_names]
    if unknown:
        raise InvalidRequest(f"columns: {table.name} has no {', '.join(unknown)}")
    return wanted
