"""Settle campaign budgets from events: confirm or release each reservation once.

All events are read before any release, so an impression streamed in time is billed however late it is read. A click or
conversion implies an impression: some placements report nothing else.

Decisions wait for the campaigns that a transaction locks, so transactions are small. Settlement is idempotent: the
stream offset moves afterwards, and events read again after a crash have no effect.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine

from alphaads_pipelines.campaigns.campaign import MICROUSD
from alphaads_pipelines.decisions.budget.settlement import AT_ONCE, Note, confirm, prune, release_expired, settling
from alphaads_pipelines.pipeline.ad_records import Offsets, event_row, read_parsed
from alphaads_pipelines.stores.sql.documents import read_document, replace_document_in
from alphaads_pipelines.stores.sql.relational import transaction
from alphaads_pipelines.streams.base import Stream
from alphaads_pipelines.streams.topics import Topics
from alphaads_pipelines.telemetry import AD_SPEND_USD, RESERVATIONS

POSITION = "ad_spending"
"""Document with the event offsets of this consumer only."""

_READ_AT_ONCE = 20_000
"""Offsets per partition."""

_PAUSE_S = 0.003
"""Pause after each small transaction: SQLite's write lock is not fair, and decisions must get it, too."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Outcome of an update.

    Parameters
    ----------
    left_out: invalid records.
    confirmed: reservations spent; microusd: their cost.
    late: impressions of released reservations, not billed.
    offsets: topic -> partition -> one past the last offset read.
    """

    events: int
    left_out: int
    confirmed: int
    microusd: int
    late: int
    released: int
    offsets: Mapping[str, Mapping[str, int]]


def update_spending(stream: Stream, engine: Engine, *, topics: Topics, now: datetime, note: Note) -> Spent:
    """Bill new events and release expired reservations.

    Parameters
    ----------
    note: called with the subjects, before their frequencies change; an error aborts the update.

    Raises
    ------
    WriteConflict: another update read the same events meanwhile; nothing was billed twice.
    StreamUnavailable, StoreUnavailable: the next update continues.
    """
    found: Counter[str] = Counter()
    seen, held = read_document(engine, POSITION)
    offsets: Offsets = held.get("offsets", {})
    while True:
        news = read_parsed(stream, topics.events, offsets, event_row, _READ_AT_ONCE)
        found.update(events=len(news.records), left_out=news.left_out)
        _confirm(engine, list(dict.fromkeys(each["decision_id"] for each in news.records)), found, note)
        until = {topics.events: news.until}
        if until != offsets:
            seen = _move(engine, until, now, seen)
        offsets = until
        if news.is_all:
            break
    found["released"] = _in_batches(engine, lambda connection: release_expired(connection, now, note))
    RESERVATIONS.labels("released").inc(found["released"])
    _in_batches(engine, lambda connection: prune(connection, now))
    figures = {name: found[name] for name in ("events", "left_out", "confirmed", "microusd", "late", "released")}
    return Spent(**figures, offsets=offsets)


def _confirm(engine: Engine, decision_ids: list[str], found: Counter[str], note: Note) -> None:
    for start in range(0, len(decision_ids), AT_ONCE):
        with settling(engine) as connection:
            done = confirm(connection, decision_ids[start : start + AT_ONCE], note)
        time.sleep(_PAUSE_S)
        found.update(done)
        RESERVATIONS.labels("confirmed").inc(done["confirmed"])
        RESERVATIONS.labels("late").inc(done["late"])
        AD_SPEND_USD.inc(done["microusd"] / MICROUSD)


def _move(engine: Engine, until: Offsets, now: datetime, seen: int) -> int:
    overtaken = "another run read the same events to bill them meanwhile"
    with transaction(engine) as connection:
        return replace_document_in(connection, POSITION, {"offsets": until}, now, seen=seen, overtaken=overtaken)


def _in_batches(engine: Engine, act: Callable[[Connection], int]) -> int:
    """Repeat until less than a full batch is done; returns the total."""
    done = 0
    while True:
        with settling(engine) as connection:
            more = act(connection)
        time.sleep(_PAUSE_S)
        done += more
        if more < AT_ONCE:
            return done
