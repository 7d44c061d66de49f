"""Stores the gazetteer of tracked names; also its JSON-lines format.

Each edit raises the version in its transaction, so a worker detects a stale copy by one small query.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.nlp.gazetteer import Gazetteer, TrackedName, check
from alphaads_pipelines.schema.tables import GAZETTEER_VERSION, TRACKED_NAMES
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, select_in, sql_table, transaction, upsert

DEFAULT_TENANT = "default"
_VERSION_ROW = 1
_PROBLEMS_SHOWN = 5
_decoder = msgspec.json.Decoder(TrackedName)


class CurrentGazetteer:
    """A process's cached gazetteer, reloaded when its version changes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cached = Gazetteer()

    def read(self) -> Gazetteer:
        """Return all tenants' tracked names. Raises StoreUnavailable."""
        with reading(self._engine) as connection:
            version = _version(connection)
            if version != self._cached.version:
                self._cached = Gazetteer(_names(connection), version)
        return self._cached


def _version(connection: Connection) -> int:
    return connection.execute(sa.select(sql_table(GAZETTEER_VERSION.name).c.version)).scalar() or 0


def _names(connection: Connection, tenant: str | None = None) -> list[TrackedName]:
    table = sql_table(TRACKED_NAMES.name)
    chosen = sa.select(table).order_by(table.c.tracked_id)
    return [_tracked(row) for row in connection.execute(chosen if tenant is None else chosen.filter_by(tenant=tenant))]


def _tracked(row: Row[Any]) -> TrackedName:
    lists = (tuple(row.aliases), tuple(row.campaign_ids))
    return TrackedName(row.tracked_id, row.name, row.kind, row.entity_type, *lists, row.is_exact_case)


def read_names(engine: Engine, tenant: str = DEFAULT_TENANT) -> tuple[int, list[TrackedName]]:
    """Return the gazetteer's version, and a tenant's names by id. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return _version(connection), _names(connection, tenant)


def save_names(
    engine: Engine, names: Sequence[TrackedName], now: datetime, *, tenant: str = DEFAULT_TENANT, replace: bool = False
) -> int:
    """Upsert names by id and return the gazetteer's new version; `replace` deletes the tenant's other names.

    Raises
    ------
    InvalidRequest: a name is not searchable, or another tenant has its id; nothing was changed.
    StoreUnavailable.
    """
    for each in names:
        check(each)
    table = sql_table(TRACKED_NAMES.name)
    with transaction(engine) as connection:
        version = _move_version(connection)
        held = select_in(
            connection, table.name, "tracked_id", (each.tracked_id for each in names), ["tracked_id", "tenant"]
        )
        if any(row.tenant != tenant for row in held):
            raise InvalidRequest("id: is taken by another tenant")
        if replace:
            connection.execute(table.delete().where(table.c.tenant == tenant))
        upsert(connection, table.name, [_row(each, tenant, now) for each in names])
    return version


def _row(tracked: TrackedName, tenant: str, now: datetime) -> dict[str, Any]:
    return {
        "tracked_id": tracked.tracked_id,
        "tenant": tenant,
        "name": tracked.name,
        "kind": tracked.kind,
        "entity_type": tracked.entity_type,
        "aliases": list(tracked.aliases),
        "campaign_ids": list(tracked.campaign_ids),
        "is_exact_case": tracked.is_exact_case,
        "updated_at": now,
    }


def remove_names(engine: Engine, ids: Iterable[str], *, tenant: str = DEFAULT_TENANT) -> int:
    """Delete names and return the gazetteer's new version; links last until posts are scored again.

    Raises
    ------
    NotFound: the tenant has no such name; nothing was changed. StoreUnavailable.
    """
    table = sql_table(TRACKED_NAMES.name)
    with transaction(engine) as connection:
        version = _move_version(connection)
        for each in dict.fromkeys(ids):
            mine = (table.c.tracked_id == each, table.c.tenant == tenant)
            if not connection.execute(table.delete().where(*mine)).rowcount:
                raise NotFound("there is no tracked name with this id")
    return version


def _move_version(connection: Connection) -> int:
    table = sql_table(GAZETTEER_VERSION.name)
    insert_ignore(connection, table.name, [{"id": _VERSION_ROW, "version": 0}])
    moved = table.update().values(version=table.c.version + 1).returning(table.c.version)
    return int(connection.execute(moved).scalar_one())


def names_from_lines(lines: Iterable[bytes]) -> list[TrackedName]:
    """Parse JSON lines (see `lines_of`), skipping blank ones.

    Raises
    ------
    InvalidRequest: invalid lines; the message lists the first few.
    """
    names: dict[str, TrackedName] = {}
    problems: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            tracked = _decoder.decode(line)
            check(tracked)
            if tracked.tracked_id in names:
                raise InvalidRequest("id: stands in an earlier line, too")
            names[tracked.tracked_id] = tracked
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            problems.append(f"line {number}: {_describe(error)}")
        except InvalidRequest as error:
            problems.append(f"line {number}: {error}")
        if len(problems) == _PROBLEMS_SHOWN:
            break
    if problems:
        raise InvalidRequest("; ".join(problems))
    return list(names.values())


def _describe(error: Exception) -> str:
    return f"{error}" if isinstance(error, msgspec.ValidationError) else "not valid JSON"


def lines_of(names: Iterable[TrackedName]) -> Iterator[bytes]:
    """Encode each name as JSON, without a newline."""
    return map(msgspec.json.encode, names)
