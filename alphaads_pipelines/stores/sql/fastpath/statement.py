"""Statements that every decision asks: written for a database once, and run by its driver.

SQLAlchemy takes 20 to 45 microseconds about an execution of which SQLite's own part is three, and a decision makes ten
of them. So what it would find out each time (the text, the order of the parameters, what becomes of values on their way
in and out) is kept here. The transaction around is SQLAlchemy's (`relational.reading`, `relational.transaction`) or a
brief one (transaction.py); it translates what the driver raises.

PostgreSQL plans a statement each time that it is sent, which takes it three times as long as the statement. So a
connection is told of each once (PREPARE), and asked for it by name from then on.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Executable

from alphaads_pipelines.stores.sql.fastpath.connections import driver_connection
from alphaads_pipelines.stores.sql.fastpath.transaction import Brief
from alphaads_pipelines.stores.sql.relational import translated

_Process = Callable[[Any], Any]
_PARAMETER = re.compile(r"%\(([^()%]+)\)s")
_TOLD = "alphaads_prepared"


class Prepared:
    """One statement. Thread-safe.

    Parameters
    ----------
    statement: for every database, or dialect -> statement. Its parameters are single values, and all of them are given.
    """

    def __init__(self, statement: Executable | Mapping[str, Executable]) -> None:
        self._statement = statement
        self._written: dict[str, _Written] = {}

    def run(self, connection: Connection | Brief, **values: Any) -> list[tuple[Any, ...]]:
        """Run it in the transaction of `connection`; its rows, none where it selects none."""
        unsent = connection.unsent if isinstance(connection, Brief) else None
        return self._run(connection.dialect, connection.connection, values, unsent)

    def scalar(self, connection: Connection | Brief, **values: Any) -> Any:
        """The first value of the first row; None where there is no row."""
        rows = self.run(connection, **values)
        return rows[0][0] if rows else None

    def send(self, brief: Brief, **values: Any) -> None:
        """Have it run before the next one that is `run`, or the commit, and its rows dropped. Raises what that does."""
        if brief.unsent is None:
            self._run(brief.dialect, brief.connection, values)
            return
        written = self._for(brief.dialect)
        with closing(brief.connection.cursor()) as cursor:
            written.tell(brief.connection, cursor)
            brief.unsent.append(cursor.mogrify(written.text, written.given(values)))

    def ask(self, engine: Engine, **values: Any) -> list[tuple[Any, ...]]:
        """Read by this one statement, which needs no transaction around it. Raises StoreUnavailable."""
        with translated(engine), driver_connection(engine) as connection:
            return self._run(engine.dialect, connection, values)

    def _run(
        self, dialect: Dialect, connection: Any, values: Mapping[str, Any], unsent: list[bytes] | None = None
    ) -> list[tuple[Any, ...]]:
        written = self._for(dialect)
        with closing(connection.cursor()) as cursor:
            written.tell(connection, cursor)
            if unsent:
                cursor.execute(b"; ".join([*unsent, cursor.mogrify(written.text, written.given(values))]))
                unsent.clear()
            else:
                cursor.execute(written.text, written.given(values))
            return written.taken(cursor) if written.selects else []

    def _for(self, dialect: Dialect) -> _Written:
        if (written := self._written.get(dialect.name)) is None:
            found = self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            written = self._written[dialect.name] = _Written(found, dialect)
        return written


class _Written:
    """A statement as one kind of database, and its driver, take it.

    Attributes
    ----------
    text: what is sent each time. selects: whether it has rows.
    """

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text: str = compiled.string
        self._preparing: str | None = None
        names = compiled.bind_names
        self._constants = {name: compiled.params[name] for bind, name in names.items() if not bind.required}
        ways = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in names.items()}
        self._is_in_order = compiled.positiontup is not None
        self._ways_in: list[tuple[str, _Process | None]] = [(name, ways[name]) for name in compiled.positiontup or ways]
        if dialect.name == "postgresql":
            self._preparing, self.text = _by_name(self.text)
        self._dialect = dialect
        self._columns = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        self._ways_out: list[_Process | None] | None = None
        self.selects = bool(self._columns)

    def tell(self, connection: Any, cursor: Any) -> None:
        """Prepare it on PostgreSQL, once for a connection."""
        if self._preparing is None:
            return
        told = connection.info.setdefault(_TOLD, set())
        if self._preparing not in told:
            cursor.execute(self._preparing)
            told.add(self._preparing)

    def given(self, values: Mapping[str, Any]) -> Any:
        """The parameters, as the driver takes them. Raises KeyError for one that is not given."""
        all_values = {**self._constants, **values} if self._constants else values
        if self._is_in_order:
            return [way(all_values[name]) if way else all_values[name] for name, way in self._ways_in]
        return {name: way(all_values[name]) if way else all_values[name] for name, way in self._ways_in}

    def taken(self, cursor: Any) -> list[tuple[Any, ...]]:
        """The rows, as Python has their values."""
        if self._ways_out is None:  # what a column needs depends on what the driver calls its type
            kinds = zip(self._columns, cursor.description, strict=True)
            self._ways_out = [column.result_processor(self._dialect, told[1]) for column, told in kinds]
        ways, rows = self._ways_out, cursor.fetchall()
        if not any(ways):
            return list(rows)
        return [tuple(way(value) if way else value for way, value in zip(ways, row, strict=True)) for row in rows]


def _by_name(text: str) -> tuple[str, str]:
    """What prepares a statement in psycopg2's style under a name of its own, and what executes it.

    Each place is a parameter of its own: in two places one might be of two types.
    """
    name = f"alphaads_{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    places = _PARAMETER.findall(text)
    numbers = iter(range(1, len(places) + 1))
    numbered = _PARAMETER.sub(lambda _: f"${next(numbers)}", text).replace("%%", "%")
    given = f" ({', '.join(f'%({place})s' for place in places)})" if places else ""
    return f"PREPARE {name} AS {numbered}", f"EXECUTE {name}{given}"
