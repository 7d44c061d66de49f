"""The statements of reservations.py and settling.py, made once: building them anew would be most of a decision's time.

`HOLD` is what comes first of all, in both: the row of a campaign in `campaign_spending`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from alphaads_pipelines.stores.relational import sql_table

_SPENDING, _DAYS = sql_table("campaign_spending"), sql_table("campaign_days")
_RESERVATIONS, _FREQUENCIES = sql_table("ad_reservations"), sql_table("ad_frequencies")

_USED: Mapping[str, Any] = {
    table.name: (table.c.reserved_microusd + table.c.spent_microusd).label("used") for table in (_SPENDING, _DAYS)
}
_LINE_COLUMNS = (_DAYS.c.segment, _USED[_DAYS.name], _DAYS.c.credit_microusd, _DAYS.c.credited_at)
_THIS: Any = sa.bindparam("campaign_id")
_TODAY: Any = sa.bindparam("day")
HOLD = sa.select(_USED[_SPENDING.name]).where(_SPENDING.c.campaign_id == _THIS).with_for_update()
HOLD_ALL = (
    sa.select(_SPENDING.c.campaign_id)
    .where(_SPENDING.c.campaign_id.in_(sa.bindparam("campaign_ids", expanding=True)))
    .order_by(_SPENDING.c.campaign_id)
    .with_for_update()
)
LINES_OF = sa.select(*_LINE_COLUMNS).where(_DAYS.c.campaign_id == _THIS, _DAYS.c.day == _TODAY)
LINES_ON = sa.select(_DAYS.c.campaign_id, *_LINE_COLUMNS).where(_DAYS.c.day == _TODAY)
SHOWN_OF = sa.select(sa.func.coalesce(sa.func.sum(_FREQUENCIES.c.shown), 0)).where(
    _FREQUENCIES.c.subject_id.in_(sa.bindparam("subject_ids", expanding=True)),
    _FREQUENCIES.c.campaign_id == _THIS,
    _FREQUENCIES.c.day == _TODAY,
)
SHOWN = (
    sa.select(_FREQUENCIES.c.campaign_id, sa.func.sum(_FREQUENCIES.c.shown))
    .where(
        _FREQUENCIES.c.subject_id.in_(sa.bindparam("subject_ids", expanding=True)),
        _FREQUENCIES.c.day == _TODAY,
    )
    .group_by(_FREQUENCIES.c.campaign_id)
)
DUE = (
    sa.select(_RESERVATIONS.c.decision_id)
    .where(_RESERVATIONS.c.released_at.is_(None), _RESERVATIONS.c.expires_at <= sa.bindparam("now"))
    .order_by(_RESERVATIONS.c.expires_at)
    .limit(sa.bindparam("most"))
)

NOTE = _RESERVATIONS.insert()
_AMOUNT: Any = sa.bindparam("amount")
_SPENT: Any = sa.bindparam("spent")
_HELD_ONE: Any = sa.bindparam("held_campaign_id")
TAKE = (
    _SPENDING.update()
    .where(_SPENDING.c.campaign_id == _HELD_ONE)
    .values(reserved_microusd=_SPENDING.c.reserved_microusd + _AMOUNT)
)
MOVE = (
    _SPENDING.update()
    .where(_SPENDING.c.campaign_id == _HELD_ONE)
    .values(
        reserved_microusd=_SPENDING.c.reserved_microusd - _AMOUNT, spent_microusd=_SPENDING.c.spent_microusd + _SPENT
    )
)
MOVE_OF_DAY = (
    _DAYS.update()
    .where(
        _DAYS.c.campaign_id == _HELD_ONE,
        _DAYS.c.day == sa.bindparam("of_day"),
        _DAYS.c.segment == sa.bindparam("of_segment"),
    )
    .values(reserved_microusd=_DAYS.c.reserved_microusd - _AMOUNT, spent_microusd=_DAYS.c.spent_microusd + _SPENT)
)
COUNT_MORE = (
    _FREQUENCIES.update()
    .where(
        _FREQUENCIES.c.subject_id == sa.bindparam("of_subject_id"),
        _FREQUENCIES.c.campaign_id == _HELD_ONE,
        _FREQUENCIES.c.day == sa.bindparam("of_day"),
    )
    .values(shown=_FREQUENCIES.c.shown + sa.bindparam("shown_more"))
)
_THESE = _RESERVATIONS.c.decision_id.in_(sa.bindparam("decision_ids", expanding=True))
HEARD = _RESERVATIONS.delete().where(_THESE).returning(*_RESERVATIONS.c)
RELEASE = (
    _RESERVATIONS.update()
    .where(_THESE, _RESERVATIONS.c.released_at.is_(None))
    .values(released_at=sa.bindparam("now"))
    .returning(*_RESERVATIONS.c)
)
FORGET = (
    _RESERVATIONS.delete()
    .where(_RESERVATIONS.c.subject_id == sa.bindparam("of_subject_id"))
    .returning(*_RESERVATIONS.c)
)


def _for_each_dialect(table: sa.Table, **changed: Any) -> Mapping[str, Any]:
    """Insert a row, or change the one that is there."""
    made = {}
    for dialect in (postgresql, sqlite):
        insert = dialect.insert(table)
        values = {name: value(insert) for name, value in changed.items()}
        made[dialect.__name__.rpartition(".")[2]] = insert.on_conflict_do_update(
            index_elements=list(table.primary_key), set_=values
        )
    return made


COUNT = _for_each_dialect(_FREQUENCIES, shown=lambda insert: _FREQUENCIES.c.shown + insert.excluded.shown)
TAKE_OF_DAY = _for_each_dialect(
    _DAYS,
    reserved_microusd=lambda insert: _DAYS.c.reserved_microusd + insert.excluded.reserved_microusd,
    credit_microusd=lambda insert: insert.excluded.credit_microusd,
    credited_at=lambda insert: insert.excluded.credited_at,
)
