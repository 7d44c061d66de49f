"""Erase a subject from the relational store, including traces in the database file and log.

`delete_subject` runs in the transaction that destroys the keys; the eraser repeats it for later rows, deletes post
keys, and purges deleted rows from disk.

Post keys may go: a replay cannot open the posts, and intake drops the suppressed author.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.decisions.budget.settlement import release_for_subject
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.rights.erasure.base import CheckResult, Eraser, ErasureTarget, Figures
from alphaads_pipelines.schema.tables import RAW_POSTS, REJECTED_POSTS, RELATIONAL_TABLES
from alphaads_pipelines.sqlite import count_words, scrub, wal_of
from alphaads_pipelines.stores.sql.relational import chunks, reading, sql_table, sqlite_file, transaction
from alphaads_pipelines.stores.subjects.links import leave_in

_REQUESTS, _RESERVATIONS, _POST_KEYS, _PEOPLE = "rights_requests", "ad_reservations", "post_keys", "people"
_BY_SUBJECT = tuple(table.name for table in RELATIONAL_TABLES if table.subject_column == "subject_id")
_OPEN = ("open", "running")
_SMALL_BYTES = 64 << 20
"""PostgreSQL tables up to this size are rewritten (VACUUM FULL), which blocks readers."""


def delete_subject(connection: Connection, subject_id: str) -> dict[str, int]:
    """Delete or anonymise a subject's rows in the caller's transaction; table -> rows.

    Their requests stay, anonymised; open ones are refused. Budget reserved for their ads returns to the campaigns.
    """
    # First: budget transactions lock the campaign's row before any other.
    rows = {_RESERVATIONS: release_for_subject(connection, subject_id)}
    was_linked = leave_in(connection, subject_id)
    for name in _BY_SUBJECT:
        if name == _RESERVATIONS:
            continue
        table = sql_table(name)
        if name == _REQUESTS:
            is_open = table.c.state.in_(_OPEN)
            blanked = {"subject_id": None, "state": sa.case((is_open, "refused"), else_=table.c.state)}
            statement: Any = table.update().values(blanked)
        else:
            statement = table.delete()
        rows[name] = connection.execute(statement.where(table.c.subject_id == subject_id)).rowcount
    return {**rows, _PEOPLE: int(was_linked)}


class RelationalEraser(Eraser):
    """Erases from SQLite or PostgreSQL."""

    name = "relational"
    covers = frozenset({*_BY_SUBJECT, _POST_KEYS, "relational.db"})

    def erase(self, subject: ErasureTarget, tick: Callable[[str], None]) -> Figures:
        """Delete rows and post keys, then purge them from disk."""
        keys = self._delete_post_keys(subject)
        tick("post keys")
        with transaction(self._ports.engine) as connection:
            rows = delete_subject(connection, subject.subject_id)
        tick("rows")
        return {"rows": rows, "post_keys": keys, **_purge_from_disk(self._ports.engine, subject.subject_id)}

    def check(self, subject: ErasureTarget) -> CheckResult:
        """Search every row of every table and, in SQLite, every page and the write-ahead log."""
        if self._ports.engine.dialect.name == "sqlite":
            path = sqlite_file(self._ports.engine)
            wal = wal_of(path)
            found = sum(count_words(each, [subject.subject_id.encode()]) for each in (path, wal))
            with reading(self._ports.engine) as connection:
                [pages] = connection.exec_driver_sql("PRAGMA page_count").one()
            return CheckResult({"pages": pages, "wal_bytes": wal.stat().st_size if wal.exists() else 0}, found)
        return self._check_postgres(subject.subject_id)

    def _check_postgres(self, subject_id: str) -> CheckResult:
        looked_at, found = {}, 0
        with reading(self._ports.engine) as connection:
            for table in RELATIONAL_TABLES:
                whole_row = sa.cast(sa.literal_column(table.name), sa.Text)
                query = sa.select(sa.func.count(), sa.func.count().filter(whole_row.contains(subject_id)))
                rows, held = connection.execute(query.select_from(sql_table(table.name))).one()
                looked_at[table.name], found = rows, found + held
            position = connection.exec_driver_sql("SELECT pg_current_wal_lsn()::text").scalar_one()
        return CheckResult(
            {"rows": looked_at, "wal_position": position},
            found,
            f"PostgreSQL's write-ahead log up to {position}, and archives of it, hold deleted rows until they are "
            "recycled; pages of large tables hold them until they are filled again. Keys in them are wrapped.",
        )

    def _delete_post_keys(self, subject: ErasureTarget) -> int:
        lake, deleted = self._ports.lake, 0
        mine = pl.col("subject_id") == subject.subject_id
        raw = lake.scan(RAW_POSTS).filter(mine, pl.col("shard") == subject.shard).select("post_key").collect()
        table = sql_table(_POST_KEYS)
        for some in chunks(raw["post_key"].to_list()):
            deleted += self._delete(table.delete().where(table.c.post_key.in_(some)))
        rejected = lake.scan(REJECTED_POSTS).filter(mine).select("stream_partition", "stream_offset").collect()
        for some in chunks(rejected.rows()):
            place = sa.tuple_(table.c.stream_partition, table.c.stream_offset)
            deleted += self._delete(table.delete().where(place.in_(some)))
        return deleted

    def _delete(self, statement: sa.Delete) -> int:
        with transaction(self._ports.engine) as connection:
            return connection.execute(statement).rowcount


def _purge_from_disk(engine: Engine, subject_id: str) -> Figures:
    if engine.dialect.name == "sqlite":
        connection = engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            done = scrub(driver, sqlite_file(engine), [subject_id.encode()])
        except sqlite3.OperationalError as error:
            raise StoreUnavailable("the database stayed locked while it was scrubbed") from error
        finally:
            connection.close()
        return {"pages": done.pages, "wal_bytes": done.wal_bytes, "vacuumed": int(done.vacuumed)}
    return {"vacuumed": _vacuum_postgres(engine)}


def _vacuum_postgres(engine: Engine) -> dict[str, str]:
    """Rewrite small tables, vacuum large ones; table -> full or plain."""
    done = {}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for name in (*_BY_SUBJECT, _POST_KEYS):
            size = connection.execute(sa.select(sa.func.pg_total_relation_size(name))).scalar_one()
            how = "full" if size <= _SMALL_BYTES else "plain"
            connection.exec_driver_sql(f"VACUUM {'(FULL) ' if how == 'full' else ''}{name}")
            done[name] = how
    return done
