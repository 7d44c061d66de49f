"""Resolve SUBJECT arguments: a subject id, or `platform:author_id`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.errors import Erased, InvalidRequest, NotFound
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.stores.sql.relational import chunks, reading, select_in, sql_table
from alphaads_pipelines.stores.subjects.suppressions import suppressed_among

SUBJECT_ID = r"^[0-9a-f]{32}$"


def resolve_subject(engine: Engine, pseudonyms: Pseudonyms, text: str) -> str:
    """Resolve `text` to a subject id.

    Parameters
    ----------
    text: a subject id, or `platform:author_id`; the author id may contain colons.

    Raises
    ------
    InvalidRequest: neither form. Erased: this person was erased. NotFound: unknown. StoreUnavailable.
    No message repeats `text`.
    """
    with reading(engine) as connection:
        if re.fullmatch(SUBJECT_ID, text):
            return _known_subject(connection, pseudonyms, text)
        platform, _, author_id = text.partition(":")
        if not platform or not author_id:
            raise InvalidRequest("SUBJECT: give a subject id (32 hex digits) or platform:author_id")
        return _known_identity(connection, pseudonyms, platform.lower(), author_id)


def _known_subject(connection: Connection, pseudonyms: Pseudonyms, subject_id: str) -> str:
    if select_in(connection, "suppressions", "mac", [pseudonyms.suppressed_subject(subject_id)], ["kind"]):
        raise Erased("this person was erased")
    if not select_in(connection, "subjects", "subject_id", [subject_id], ["shard"]):
        raise NotFound("no subject has this id")
    return subject_id


def _known_identity(connection: Connection, pseudonyms: Pseudonyms, platform: str, author_id: str) -> str:
    mac = pseudonyms.identity(platform, author_id).mac
    if suppressed_among(pseudonyms, connection, [mac]):
        raise Erased("this person was erased")
    rows = select_in(connection, "subjects", "identity_mac", [mac], ["subject_id"])
    if not rows:
        raise NotFound("nobody of this platform and author id is known")
    return str(rows[0].subject_id)


def platforms_of(connection: Connection, subject_ids: Iterable[str]) -> dict[str, str]:
    """Subject id -> network; unknown subjects are absent."""
    rows = select_in(connection, "subjects", "subject_id", subject_ids, ["subject_id", "platform"])
    return {row.subject_id: row.platform for row in rows}


def existing_in(connection: Connection, subject_ids: Iterable[str]) -> set[str]:
    """Filter to existing subjects; blocks their erasure until the transaction ends, so that it finds the new rows."""
    table, found = sql_table("subjects"), set[str]()
    for chunk in chunks(sorted(set(subject_ids))):
        chosen = sa.select(table.c.subject_id).where(table.c.subject_id.in_(chunk)).with_for_update(read=True)
        found.update(connection.execute(chosen).scalars())
    return found


def subjects_on(connection: Connection, is_one: Callable[[str], bool]) -> set[str]:
    """All subjects on networks for which `is_one` holds. For batch work."""
    table = sql_table("subjects")
    platforms = [name for name in connection.execute(sa.select(table.c.platform).distinct()).scalars() if is_one(name)]
    if not platforms:
        return set()
    return set(connection.execute(sa.select(table.c.subject_id).where(table.c.platform.in_(platforms))).scalars())
