"""Count people's responses to ads from decisions and events, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from alphaads_pipelines.pipeline.ad_records import read_new_records
from alphaads_pipelines.profiles.engagement import WINDOW, OpenAd, fold_engagement
from alphaads_pipelines.stores.engagement import (
    add_engagement,
    forget_open_ads,
    read_open_ads,
    write_open_ads,
)
from alphaads_pipelines.stores.sql.documents import read_document, replace_document_in
from alphaads_pipelines.stores.sql.relational import transaction
from alphaads_pipelines.stores.subjects.subjects import existing_in
from alphaads_pipelines.streams.base import Stream
from alphaads_pipelines.streams.topics import Topics

POSITION = "ad_engagement"
"""Document with the stream offsets of this consumer only."""

_DECISION = ("decision_id", "subject_id", "decided_at")
_EVENT = ("decision_id", "kind", "occurred_at")


@dataclass(frozen=True, slots=True)
class Engaged:
    """Outcome of an update.

    Parameters
    ----------
    version: counts updates.
    decisions, events: usable records; left_out: malformed, without a subject, or of an erased one.
    hours: subject-hours changed.
    closed: ads no longer waiting for events.
    offsets: topic -> partition -> one past the last offset read.
    """

    version: int
    decisions: int
    events: int
    left_out: int
    hours: int
    closed: int
    offsets: Mapping[str, Mapping[str, int]]


def update_engagement(
    stream: Stream,
    engine: Engine,
    *,
    topics: Topics,
    now: datetime,
    note: Callable[[Collection[str]], None],
) -> Engaged:
    """Count the records since the last update.

    Exactly once: counts, unmatched halves and offsets move in one transaction, by compare-and-set. Records of unknown
    or erased subjects are skipped.

    Parameters
    ----------
    note: called with the subjects, before their counts change; an error aborts the update.

    Raises
    ------
    WriteConflict: another update came first; this one changed nothing. StreamUnavailable, StoreUnavailable.
    """
    seen, held = read_document(engine, POSITION)
    offsets = held.get("offsets", {})
    decisions = read_new_records(stream, topics.decisions, offsets, _DECISION)
    events = read_new_records(stream, topics.events, offsets, _EVENT)
    until = {topics.decisions: decisions.until, topics.events: events.until}
    with transaction(engine) as connection:
        overtaken = "another run counted the engagement meanwhile; this one changed nothing"
        version = replace_document_in(connection, POSITION, {"offsets": until}, now, seen=seen, overtaken=overtaken)
        ours = _of_subjects(connection, decisions.records)
        hours = _count(connection, ours, events.records, version, now, note)
        closed = forget_open_ads(connection, now - WINDOW)
    left_out = decisions.left_out + events.left_out + len(decisions.records) - len(ours)
    return Engaged(version, len(ours), len(events.records), left_out, hours, closed, until)


def _of_subjects(connection: Connection, decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    known = existing_in(connection, {decision["subject_id"] for decision in decisions})
    return [decision for decision in decisions if decision["subject_id"] in known]


def _count(
    connection: Connection,
    decisions: Sequence[Mapping[str, Any]],
    events: Sequence[Mapping[str, Any]],
    version: int,
    now: datetime,
    note: Callable[[Collection[str]], None],
) -> int:
    """Fold records into the store; returns the number of hours changed."""
    rows = read_open_ads(connection, {record["decision_id"] for record in (*decisions, *events)})
    held = {row.decision_id: OpenAd(row.subject_id, row.decided_s, row.heard) for row in rows}
    since = {row.decision_id: row.seen_at for row in rows}
    folded = fold_engagement(held, decisions, events)
    note({subject for subject, _ in folded.changes})
    add_engagement(connection, folded.changes, version)
    write_open_ads(
        connection,
        [{"decision_id": key, **asdict(ad), "seen_at": since.get(key, now)} for key, ad in folded.ads.items()],
    )
    return len(folded.changes)
