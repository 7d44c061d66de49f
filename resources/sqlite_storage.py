"""Dagster's SQLite storage with one engine per file and process: half the overhead of a run.

Stock storage makes an engine per event, which recompiles each statement, syncs each time, and makes a file per run.
These classes use one file and SQLite's advice for WAL. They depend on the private names `_connect`, `connect` and
`_conn_string`: Dagster's version is pinned and a test asserts the names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

from dagster._core.storage.event_log import ConsolidatedSqliteEventLogStorage
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event

from alphaads_pipelines.sqlite import BUSY_S, enter_wal


@cache
def _engine(url: str) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_S, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _: object) -> None:
        enter_wal(connection)

    return engine


@contextmanager
def _transaction(url: str) -> Iterator[Connection]:
    with _engine(url).begin() as connection:
        yield connection


class PooledEventLogStorage(ConsolidatedSqliteEventLogStorage):
    """All events of all runs in one file."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Build from dagster.yaml."""
        return cls(inst_data=inst_data, **config_value)

    @contextmanager
    def _connect(self) -> Iterator[Connection]:
        with _transaction(self._conn_string) as connection:
            yield connection


class PooledRunStorage(SqliteRunStorage):
    """Runs, tags and snapshots."""

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        """Build from dagster.yaml."""
        return cls.from_local(inst_data=inst_data, **config_value)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction on a pooled connection."""
        with _transaction(self._conn_string) as connection:
            yield connection


class PooledScheduleStorage(SqliteScheduleStorage):
    """Ticks and the state of sensors and schedules."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> PooledScheduleStorage:
        """Build from dagster.yaml."""
        return cls.from_local(inst_data=inst_data, **config_value)  # type: ignore[return-value]

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A transaction on a pooled connection."""
        with _transaction(self._conn_string) as connection:
            yield connection
