"""The statements of reservations.py and settlement.py; those of each decision are prepared.

A reservation writes first, reads once, and rolls back if refused: so the writes share the read's round trip.

Parameters that select rows start with `the_`: in an update a column's name would mean its new value.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.relational import sql_table

_SPENDING, _DAYS = sql_table("campaign_spending"), sql_table("campaign_days")
_RESERVATIONS, _FREQUENCIES = sql_table("ad_reservations"), sql_table("ad_frequencies")


def _the(table: sa.Table, *columns: str) -> list[Any]:
    """Conditions on key columns."""
    return [table.c[each] == sa.bindparam(f"the_{each}") for each in columns]


def _among(column: sa.Column[Any], name: str) -> Any:
    return column.in_(sa.bindparam(name, expanding=True))


def _used(table: sa.Table) -> Any:
    return (table.c.reserved_microusd + table.c.spent_microusd).label("used")


def _moved(table: sa.Table, *columns: str) -> sa.Update:
    """Release `amount`, of which `spent` is spent."""
    reserved = table.c.reserved_microusd - sa.bindparam("amount")
    spent = table.c.spent_microusd + sa.bindparam("spent")
    return table.update().where(*_the(table, *columns)).values(reserved_microusd=reserved, spent_microusd=spent)


def _added(table: sa.Table, added: str, *replaced: str) -> PreparedStatement:
    """Insert a row, or add its `added` to the existing row's and overwrite `replaced`. Concurrent writers wait."""
    statements = {}
    for dialect, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert)):
        new = insert(table)
        changed = {added: table.c[added] + new.excluded[added], **{each: new.excluded[each] for each in replaced}}
        statements[dialect] = new.on_conflict_do_update(index_elements=list(table.primary_key), set_=changed)
    return PreparedStatement(statements)


_DAY_OF_CAMPAIGN = ("campaign_id", "day")
_LINE = ("campaign_id", "day", "segment")
_FREQUENCY = ("subject_id", "campaign_id", "day")
_LINE_COLUMNS = (_DAYS.c.segment, _used(_DAYS), _DAYS.c.credit_microusd, _DAYS.c.credited_at)
_THESE = _among(_RESERVATIONS.c.decision_id, "decision_ids")

RESERVE = _added(_SPENDING, "reserved_microusd")
LOCK_CAMPAIGNS = (
    sa.select(_SPENDING.c.campaign_id)
    .where(_among(_SPENDING.c.campaign_id, "campaign_ids"))
    .order_by(_SPENDING.c.campaign_id)
    .with_for_update()
)

# At least one row for a locked campaign: missing lines and frequencies are NULL.
READ_STATE = PreparedStatement(
    sa.select(_used(_SPENDING).label("used_ever"), _FREQUENCIES.c.shown, *_LINE_COLUMNS)
    .select_from(
        _SPENDING.outerjoin(_FREQUENCIES, sa.and_(*_the(_FREQUENCIES, *_FREQUENCY))).outerjoin(
            _DAYS, sa.and_(*_the(_DAYS, *_DAY_OF_CAMPAIGN))
        )
    )
    .where(*_the(_SPENDING, "campaign_id"))
)
LINES_ON = PreparedStatement(
    sa.select(_DAYS.c.campaign_id, _used(_SPENDING).label("used_ever"), *_LINE_COLUMNS)
    .join_from(_DAYS, _SPENDING, _SPENDING.c.campaign_id == _DAYS.c.campaign_id)
    .where(*_the(_DAYS, "day"))
)
USED = sa.select(_SPENDING.c.campaign_id, _used(_SPENDING)).where(_among(_SPENDING.c.campaign_id, "campaign_ids"))
SHOWN_OF = PreparedStatement(sa.select(_FREQUENCIES.c.shown).where(*_the(_FREQUENCIES, *_FREQUENCY)))
# All days, which are few: for a single day SQLite would scan everyone of that day.
SHOWN = PreparedStatement(
    sa.select(_FREQUENCIES.c.campaign_id, _FREQUENCIES.c.day, _FREQUENCIES.c.shown).where(
        *_the(_FREQUENCIES, "subject_id")
    )
)

RESERVE_OF_DAY = _added(_DAYS, "reserved_microusd", "credit_microusd", "credited_at")
COUNT = (
    _FREQUENCIES.update()
    .where(*_the(_FREQUENCIES, *_FREQUENCY))
    .values(shown=_FREQUENCIES.c.shown + sa.bindparam("more"))
)
COUNT_IMPRESSION = _added(_FREQUENCIES, "shown")
ADD_RESERVATION = PreparedStatement(_RESERVATIONS.insert())

MOVE, MOVE_OF_DAY = _moved(_SPENDING, "campaign_id"), _moved(_DAYS, *_LINE)
DUE = (
    sa.select(_RESERVATIONS.c.decision_id)
    .where(_RESERVATIONS.c.released_at.is_(None), _RESERVATIONS.c.expires_at <= sa.bindparam("now"))
    .order_by(_RESERVATIONS.c.expires_at)
    .limit(sa.bindparam("most"))
)
DELETE = _RESERVATIONS.delete().where(_THESE).returning(*_RESERVATIONS.c)
RELEASE = (
    _RESERVATIONS.update()
    .where(_THESE, _RESERVATIONS.c.released_at.is_(None))
    .values(released_at=sa.bindparam("now"))
    .returning(*_RESERVATIONS.c)
)


def _forget(table: sa.Table, over: sa.Column[Any]) -> sa.Delete:
    """Delete `most` rows that ended before `before`."""
    key = [table.c[each.name] for each in table.primary_key.columns]
    some = sa.select(*key).where(over < sa.bindparam("before")).limit(sa.bindparam("most"))
    return table.delete().where(sa.tuple_(*key).in_(some))


FORGET_FREQUENCIES = _forget(_FREQUENCIES, _FREQUENCIES.c.day)
FORGET_RELEASED = _forget(_RESERVATIONS, _RESERVATIONS.c.released_at)
