"""Settlement of reservations (reservations.py): confirmed, released, or erased with the person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.decisions.budget import reservation_statements as sql
from alphaads_pipelines.stores.sql.relational import chunks, reading, select_in, transaction

KNOWN_FOR: Final = timedelta(days=1)
"""Released reservations are kept this long, to recognise late impressions."""

AT_ONCE: Final = 100
"""Reservations per transaction: decisions on their campaigns wait about 3 ms."""

Note = Callable[[Collection[str]], None]

_FREQUENCY_DAYS = 2
_RESERVATIONS, _FREQUENCIES = "ad_reservations", "ad_frequencies"
_WHICH = ("decision_id", "campaign_id")


def _no_note(_: Collection[str]) -> None:
    pass


@contextmanager
def settling(engine: Engine) -> Iterator[Connection]:
    """A transaction for confirming or releasing only. Raises StoreUnavailable.

    It blocks decisions, so its commit does not wait for PostgreSQL's disk; after a server crash the events are read
    again.
    """
    with transaction(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        yield connection


def confirm(connection: Connection, decision_ids: Collection[str], note: Note = _no_note) -> Counter[str]:
    """Spend the reserved amounts of these decisions, whose impressions arrived, once.

    Parameters
    ----------
    note: called with the subjects whose frequencies are about to change; its errors end the transaction.

    Returns
    -------
    `confirmed` and `microusd`; `late`: impressions after their release, not billed but counted for the cap.
    """
    found = select_in(connection, _RESERVATIONS, "decision_id", decision_ids, _WHICH)
    _lock_campaigns(connection, found)
    rows = _delete(connection, found)
    waiting, late = [each for each in rows if each.released_at is None], [each for each in rows if each.released_at]
    _move(connection, waiting, spent=1)
    _count(connection, late, 1, note)
    return Counter(confirmed=len(waiting), microusd=sum(each.amount_microusd for each in waiting), late=len(late))


def release_expired(connection: Connection, now: datetime, note: Note = _no_note) -> int:
    """Release up to AT_ONCE reservations older than HELD; the number released.

    Impressions in the stream must be confirmed before, or they count as late. `note`: as for `confirm`.
    """
    due = connection.execute(sql.DUE, {"now": now, "most": AT_ONCE}).scalars().all()
    _lock_campaigns(connection, select_in(connection, _RESERVATIONS, "decision_id", due, ["campaign_id"]))
    released = connection.execute(sql.RELEASE, {"decision_ids": due, "now": now}).all() if due else []
    _move(connection, released, spent=0)
    _count(connection, released, -1, note)
    return len(released)


def is_any_due(engine: Engine, now: datetime) -> bool:
    """Whether any reservation is due for release. Raises StoreUnavailable."""
    with reading(engine) as connection:
        return connection.execute(sql.DUE, {"now": now, "most": 1}).first() is not None


def release_for_subject(connection: Connection, subject_id: str) -> int:
    """Release and delete the reservations of a subject being erased; their number."""
    found = select_in(connection, _RESERVATIONS, "subject_id", [subject_id], _WHICH)
    # Their frequencies are deleted next, which needs the campaigns' locks, too.
    counted = select_in(connection, _FREQUENCIES, "subject_id", [subject_id], ["campaign_id"])
    _lock_campaigns(connection, [*found, *counted])
    rows = _delete(connection, found)
    _move(connection, [each for each in rows if each.released_at is None], spent=0)
    return len(rows)


def prune(connection: Connection, now: datetime) -> int:
    """Delete frequencies of past days and old released reservations, AT_ONCE of each; the larger number deleted."""
    day = now.astimezone(UTC).date() - timedelta(days=_FREQUENCY_DAYS)
    frequencies = connection.execute(sql.FORGET_FREQUENCIES, {"before": day, "most": AT_ONCE}).rowcount
    released = connection.execute(sql.FORGET_RELEASED, {"before": now - KNOWN_FOR, "most": AT_ONCE}).rowcount
    return max(frequencies, released)


def _lock_campaigns(connection: Connection, rows: Iterable[Row[Any]]) -> None:
    """Lock the campaigns in order of their ids. A reservation never changes its campaign."""
    for some in chunks(sorted({row.campaign_id for row in rows})):
        connection.execute(sql.LOCK_CAMPAIGNS, {"campaign_ids": some}).all()


def _delete(connection: Connection, found: Iterable[Row[Any]]) -> list[Row[Any]]:
    """Delete these reservations and return the rows still present.

    By id: a row added since the lookup may belong to an unlocked campaign.
    """
    ids = sorted(row.decision_id for row in found)
    return [row for some in chunks(ids) for row in connection.execute(sql.DELETE, {"decision_ids": some}).all()]


def _move(connection: Connection, reservations: Sequence[Row[Any]], *, spent: int) -> None:
    of_campaigns: Counter[str] = Counter()
    of_days: Counter[tuple[str, date, str]] = Counter()
    for each in reservations:
        if each.amount_microusd:
            of_campaigns[each.campaign_id] += each.amount_microusd
            of_days[each.campaign_id, each.day, each.segment] += each.amount_microusd
    if not of_campaigns:
        return
    amounts = [
        {"the_campaign_id": campaign_id, "amount": amount, "spent": spent * amount}
        for campaign_id, amount in sorted(of_campaigns.items())
    ]
    connection.execute(sql.MOVE, amounts)
    days = [
        {
            "the_campaign_id": campaign_id,
            "the_day": day,
            "the_segment": segment,
            "amount": amount,
            "spent": spent * amount,
        }
        for (campaign_id, day, segment), amount in sorted(of_days.items())
    ]
    connection.execute(sql.MOVE_OF_DAY, days)


def _count(connection: Connection, reservations: Iterable[Row[Any]], shown: int, note: Note) -> None:
    """Add these impressions to the frequencies, or (-1) subtract them."""
    times = Counter((each.subject_id, each.campaign_id, each.day) for each in reservations if each.is_counted)
    rows = [
        {"the_subject_id": subject_id, "the_campaign_id": campaign_id, "the_day": day, "more": shown * number}
        for (subject_id, campaign_id, day), number in sorted(times.items())
    ]
    if rows:
        note({subject_id for subject_id, _, _ in times})
        connection.execute(sql.COUNT, rows)
