"""What campaigns spend, kept up to date from the stream of events: reservations are confirmed or given back, once.

Events are read before anything is given back, so an impression that is in the stream in time is billed however late it
is read. A click or a conversion says that the ad was shown, too: some placements report nothing else.

The work is done in small transactions, because decisions wait for the campaigns that one of them holds. Each is final:
a reservation is confirmed or released once, however often its event is read. So the position in the stream moves after
them, in a transaction of its own, and whoever dies in between leaves work that is read again and changes nothing.
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
"""Name of the document that says up to where the events were read; nobody else reads it."""

_READ_AT_ONCE = 20_000
"""Offsets of a partition."""

_PAUSE_S = 0.003
"""After each small transaction: SQLite gives its lock to whoever asks in the right moment, and decisions must, too."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one update did.

    Parameters
    ----------
    events, left_out: that were read, and of those that are none.
    confirmed: reservations that are spent now; microusd: what they cost.
    late: impressions of reservations that were given back before; they are not billed.
    released: reservations that were given back.
    offsets: topic -> partition -> one past the last that was read.
    """

    events: int
    left_out: int
    confirmed: int
    microusd: int
    late: int
    released: int
    offsets: Mapping[str, Mapping[str, int]]


def update_spending(stream: Stream, engine: Engine, *, topics: Topics, now: datetime, note: Note) -> Spent:
    """Bill what the events say since the last update, and give back what nothing was heard of in time.

    Parameters
    ----------
    note: is told whose frequencies change, before they do; what it raises ends the update.

    Raises
    ------
    WriteConflict: another update read the same events meanwhile; what is done is done once all the same.
    StreamUnavailable, StoreUnavailable: the next update goes on.
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
    """Act until there is less to do than is done at once; how much was done."""
    done = 0
    while True:
        with settling(engine) as connection:
            more = act(connection)
        time.sleep(_PAUSE_S)
        done += more
        if more < AT_ONCE:
            return done
