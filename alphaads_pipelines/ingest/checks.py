"""Blocking checks of rows against their table's contract, generated from `tables.py`.

A problem names a column and a count, never a value.
"""

from __future__ import annotations

import polars as pl

from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import (
    EMOTIONS,
    ENTITY_SOURCES,
    ENTITY_TYPES,
    INTENTS,
    OFFENSIVE,
    POST_ENTITIES,
    POST_SCORES,
    SENTIMENTS,
    TWEET_EMOTIONS,
)
from alphaads_pipelines.stores.lake.base import polars_schema

_LABELS = {
    POST_SCORES.name: {
        "sentiment": SENTIMENTS,
        "emotion": EMOTIONS,
        "tweet_emotion": TWEET_EMOTIONS,
        "intent": INTENTS,
        "offensive": OFFENSIVE,
    },
    POST_ENTITIES.name: {"type": ENTITY_TYPES, "source": ENTITY_SOURCES},
}


def schema_problems(table: Table, frame: pl.DataFrame) -> list[str]:
    """List contract violations of the rows."""
    declared = polars_schema(table)
    problems = [f"{name}: missing" for name in declared if name not in frame.columns]
    problems += [f"{name}: not declared" for name in frame.columns if name not in declared]
    present = [column for column in table.columns if column.name in frame.columns]
    for column in present:
        if frame.schema[column.name] != declared[column.name]:
            problems.append(f"{column.name}: {frame.schema[column.name]} instead of {declared[column.name]}")
        if not column.nullable and (nulls := frame[column.name].null_count()):
            problems.append(f"{column.name}: {nulls} nulls")
    return problems or [*_label_problems(table, frame), *_key_problems(table, frame)]


def _label_problems(table: Table, frame: pl.DataFrame) -> list[str]:
    problems = []
    for name, labels in _LABELS.get(table.name, {}).items():
        unknown = frame.filter(pl.col(name).is_not_null() & ~pl.col(name).is_in(labels)).height
        if unknown:
            problems.append(f"{name}: {unknown} unknown labels")
    return problems


def _key_problems(table: Table, frame: pl.DataFrame) -> list[str]:
    doubled = frame.height - frame.select(table.key).unique().height
    return [f"{', '.join(table.key)}: {doubled} doubled keys"] if doubled else []
