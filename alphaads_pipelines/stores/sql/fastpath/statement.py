"""Prepared statements: compiled once for each kind of database, executed by its driver.

SQLAlchemy spends 20 to 45 microseconds on an execution of which SQLite needs three, and a decision makes ten: so the
text, the parameter order and the type processors are cached.

PostgreSQL plans three times as long as it executes, so each connection PREPAREs a statement once and EXECUTEs it by
name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, Executable

from alphaads_pipelines.stores.sql.fastpath.connections import driver_connection
from alphaads_pipelines.stores.sql.fastpath.transaction import FastTransaction
from alphaads_pipelines.stores.sql.relational import translated

_Processor = Callable[[Any], Any]
_PARAMETER = re.compile(r"%\(([^()%]+)\)s")
_PREPARED = "alphaads_prepared"


class PreparedStatement:
    """One statement, or dialect -> statement. Thread-safe.

    Parameters are single values, all of them required.
    """

    def __init__(self, statement: Executable | Mapping[str, Executable]) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection | FastTransaction, **values: Any) -> list[tuple[Any, ...]]:
        """Execute in the transaction of `connection` and return the rows, if it selects any."""
        pending = connection.pending if isinstance(connection, FastTransaction) else None
        return self._run(connection.dialect, connection.connection, values, pending)

    def scalar(self, connection: Connection | FastTransaction, **values: Any) -> Any:
        """The first value of the first row, or None without rows."""
        rows = self.run(connection, **values)
        return rows[0][0] if rows else None

    def queue(self, transaction: FastTransaction, **values: Any) -> None:
        """Execute with the next `run` or the commit, which raises any error, and drop the rows."""
        if transaction.pending is None:
            self._run(transaction.dialect, transaction.connection, values)
            return
        compiled = self._compile(transaction.dialect)
        with closing(transaction.connection.cursor()) as cursor:
            compiled.ensure_prepared(transaction.connection, cursor)
            transaction.pending.append(cursor.mogrify(compiled.text, compiled.bind(values)))

    def read(self, engine: Engine, **values: Any) -> list[tuple[Any, ...]]:
        """Execute this single read without a transaction. Raises StoreUnavailable."""
        with translated(engine), driver_connection(engine) as connection:
            return self._run(engine.dialect, connection, values)

    def _run(
        self, dialect: Dialect, connection: Any, values: Mapping[str, Any], pending: list[bytes] | None = None
    ) -> list[tuple[Any, ...]]:
        compiled = self._compile(dialect)
        with closing(connection.cursor()) as cursor:
            compiled.ensure_prepared(connection, cursor)
            if pending:
                cursor.execute(b"; ".join([*pending, cursor.mogrify(compiled.text, compiled.bind(values))]))
                pending.clear()
            else:
                cursor.execute(compiled.text, compiled.bind(values))
            return compiled.fetch_rows(cursor) if compiled.returns_rows else []

    def _compile(self, dialect: Dialect) -> _Compiled:
        if (compiled := self._compiled.get(dialect.name)) is None:
            statement = self._statement[dialect.name] if isinstance(self._statement, Mapping) else self._statement
            compiled = self._compiled[dialect.name] = _Compiled(statement, dialect)
        return compiled


class _Compiled:
    """A statement compiled for one dialect and driver."""

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self.text: str = compiled.string
        self._prepare: str | None = None
        names = compiled.bind_names
        self._constants = {name: compiled.params[name] for bind, name in names.items() if not bind.required}
        binders = {name: bind.type.dialect_impl(dialect).bind_processor(dialect) for bind, name in names.items()}
        self._is_positional = compiled.positiontup is not None
        self._binders: list[tuple[str, _Processor | None]] = [
            (name, binders[name]) for name in compiled.positiontup or binders
        ]
        if dialect.name == "postgresql":
            self._prepare, self.text = _prepare_and_execute(self.text)
        self._dialect = dialect
        self._columns = [column.type.dialect_impl(dialect) for column in statement.exported_columns]
        self._converters: list[_Processor | None] | None = None
        self.returns_rows = bool(self._columns)

    def ensure_prepared(self, connection: Any, cursor: Any) -> None:
        """Prepare it on PostgreSQL, once per connection."""
        if self._prepare is None:
            return
        prepared = connection.info.setdefault(_PREPARED, set())
        if self._prepare not in prepared:
            cursor.execute(self._prepare)
            prepared.add(self._prepare)

    def bind(self, values: Mapping[str, Any]) -> Any:
        """The parameters in the driver's form. Raises KeyError for a missing one."""
        all_values = {**self._constants, **values} if self._constants else values
        if self._is_positional:
            return [bind(all_values[name]) if bind else all_values[name] for name, bind in self._binders]
        return {name: bind(all_values[name]) if bind else all_values[name] for name, bind in self._binders}

    def fetch_rows(self, cursor: Any) -> list[tuple[Any, ...]]:
        """The rows as Python values."""
        if self._converters is None:  # they depend on the type codes that the driver reports
            types = zip(self._columns, cursor.description, strict=True)
            self._converters = [column.result_processor(self._dialect, described[1]) for column, described in types]
        converters, rows = self._converters, cursor.fetchall()
        if not any(converters):
            return list(rows)
        return [
            tuple(convert(value) if convert else value for convert, value in zip(converters, row, strict=True))
            for row in rows
        ]


def _prepare_and_execute(text: str) -> tuple[str, str]:
    """The PREPARE and the EXECUTE of a statement in psycopg2's style.

    Each occurrence of a parameter is numbered separately: their types may differ.
    """
    name = f"alphaads_{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    parameters = _PARAMETER.findall(text)
    numbers = iter(range(1, len(parameters) + 1))
    numbered = _PARAMETER.sub(lambda _: f"${next(numbers)}", text).replace("%%", "%")
    arguments = f" ({', '.join(f'%({each})s' for each in parameters)})" if parameters else ""
    return f"PREPARE {name} AS {numbered}", f"EXECUTE {name}{arguments}"
