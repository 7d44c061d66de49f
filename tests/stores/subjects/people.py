"""Subjects with one author each, for permission tests."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from alphaads_pipelines.stores.sql.relational import insert_ignore, transaction
from alphaads_pipelines.stores.subjects.consents import record_consent

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def make_subjects(engine: Engine, *platforms: str) -> list[str]:
    """Subjects of these networks; the ids count from 0."""
    ids = [f"{number:032x}" for number in range(len(platforms))]
    rows = [
        {"identity_mac": f"mac {each}".encode(), "subject_id": each, "platform": platform, "shard": 0}
        for each, platform in zip(ids, platforms, strict=True)
    ]
    with transaction(engine) as connection:
        insert_ignore(connection, "subjects", rows)
    return ids


def say(engine: Engine, subject: str, purpose: str, *, granted: bool = True) -> None:
    """The subject's newest word."""
    record_consent(engine, subject, purpose, granted=granted, source="api", evidence="form-7", now=NOON)
