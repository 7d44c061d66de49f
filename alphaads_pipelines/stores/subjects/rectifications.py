"""Rectifications (GDPR article 16): a person's own values, which override inferences."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.schema.tables import EMOTIONS
from alphaads_pipelines.stores.sql.relational import select_in, sql_table, transaction, upsert

_RECTIFICATIONS = sql_table("rectifications")
_LANGUAGE = re.compile(r"[a-z]{2,3}")

RECTIFIABLE: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "mood": (lambda value: value in EMOTIONS, f"one of {', '.join(EMOTIONS)}, or null"),
    "language": (lambda value: isinstance(value, str) and bool(_LANGUAGE.fullmatch(value)), "ISO 639-1, or null"),
}
"""Profile field -> validator and description of valid values. Null only rejects the inference."""


def rectify(engine: Engine, subject_id: str, field: str, value: Any, now: datetime) -> None:
    """Override an inferred value from the next decision on.

    Raises
    ------
    InvalidRequest: no such field or value; the message repeats neither. StoreUnavailable.
    """
    if field not in RECTIFIABLE:
        raise InvalidRequest(f"field: must be one of {', '.join(RECTIFIABLE)}")
    fits, expected = RECTIFIABLE[field]
    if value is not None and not fits(value):
        raise InvalidRequest(f"value: {field} is {expected}")
    row = {"subject_id": subject_id, "field": field, "value": value, "rectified_at": now}
    with transaction(engine) as connection:
        upsert(connection, "rectifications", [row])


def withdraw_rectification(engine: Engine, subject_id: str, field: str) -> bool:
    """Restore the inferred value; returns whether it was overridden. Raises StoreUnavailable."""
    own = (_RECTIFICATIONS.c.subject_id == subject_id, _RECTIFICATIONS.c.field == field)
    with transaction(engine) as connection:
        return connection.execute(_RECTIFICATIONS.delete().where(*own)).rowcount > 0


def rectified_in(connection: Connection, subject_id: str) -> dict[str, Any]:
    """Field -> a subject's own value."""
    return newest_of(select_in(connection, "rectifications", "subject_id", [subject_id]))


def newest_of(rows: Iterable[Any]) -> dict[str, Any]:
    """Field -> rectified value from table rows; among linked subjects the newest wins."""
    return {row.field: row.value for row in sorted(rows, key=lambda row: (row.rectified_at, row.subject_id))}
