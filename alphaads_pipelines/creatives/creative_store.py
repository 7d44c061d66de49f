"""Where creatives are kept, with every state that they came into; the queue of those that wait for a person.

The rules of the states are review.py's. Every question names the tenant; another's creative is not found. A person's
decision is of one text, which the creative's id stands for, and the rules judge that text once more before it counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.store import campaign_of
from alphaads_pipelines.campaigns.text.normalisation import has_hidden_characters
from alphaads_pipelines.creatives import review as states
from alphaads_pipelines.creatives.creative_rows import (
    CREATIVES,
    REVIEWS,
    StoredCreative,
    creative_row,
    past_review,
    review_row,
    stored_creative,
)
from alphaads_pipelines.creatives.moderation import moderate
from alphaads_pipelines.creatives.review import Review
from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.stores.sql.relational import reading, select_in, upsert

MOST_LISTED: Final = 500
MOST_HISTORY: Final = 200
LONGEST_NOTE: Final = 500


def read_creative(engine: Engine, tenant: str, creative_id: str) -> tuple[StoredCreative, list[Review]]:
    """One of the tenant's creatives, and its last MOST_HISTORY states, oldest first.

    Raises
    ------
    NotFound. StoreUnavailable.
    """
    last = sa.select(REVIEWS).where(REVIEWS.c.creative_id == creative_id, REVIEWS.c.tenant == tenant)
    with reading(engine) as connection:
        found = _creative_of(connection, tenant, creative_id)
        rows = connection.execute(last.order_by(REVIEWS.c.change_seq.desc()).limit(MOST_HISTORY)).all()
    return found, [past_review(row) for row in reversed(rows)]


def _creative_of(connection: Connection, tenant: str, creative_id: str) -> StoredCreative:
    own = sa.select(CREATIVES).where(CREATIVES.c.creative_id == creative_id, CREATIVES.c.tenant == tenant)
    row = connection.execute(own).one_or_none()
    if row is None:
        raise NotFound("there is no such creative")
    return stored_creative(row)


def list_creatives(
    engine: Engine,
    tenant: str,
    *,
    state: str | None = None,
    campaign_id: str | None = None,
    is_current: bool | None = True,
    after: str = "",
    limit: int = 100,
) -> list[StoredCreative]:
    """A page of the tenant's creatives, by id; the review queue is those in `needs_review`.

    Parameters
    ----------
    state, campaign_id: those of one state, of one campaign. is_current: None: the retired ones, too.
    after: the last id of the page before. limit: at most MOST_LISTED.

    Raises
    ------
    StoreUnavailable.
    """
    wanted = sa.select(CREATIVES).where(CREATIVES.c.tenant == tenant, CREATIVES.c.creative_id > after)
    for column, value in ((CREATIVES.c.state, state), (CREATIVES.c.campaign_id, campaign_id)):
        wanted = wanted if value is None else wanted.where(column == value)
    if is_current is not None:
        wanted = wanted.where(CREATIVES.c.is_current == is_current)
    page = wanted.order_by(CREATIVES.c.creative_id).limit(min(limit, MOST_LISTED))
    with reading(engine) as connection:
        return [stored_creative(row) for row in connection.execute(page)]


def approve_creative(
    engine: Engine, tenant: str, creative_id: str, *, reviewer: str, note: str, now: datetime
) -> StoredCreative:
    """A person approves what waits for one.

    Raises
    ------
    InvalidRequest: it waits for nobody, its campaign uses it no longer, or the campaign's rules refuse it.
    NotFound. StoreUnavailable.
    """

    _check_note(note)

    def approved(connection: Connection, stored: StoredCreative) -> Review:
        review = states.approve(stored.review, reviewer, note, now)
        _must_be_current(stored)
        campaign = campaign_of(connection, tenant, stored.creative.campaign_id)
        refused = moderate(stored.creative, campaign.rules).reasons
        if refused:
            raise InvalidRequest(f"nobody can approve what the rules refuse: {', '.join(refused)}")
        return review

    return _apply(engine, tenant, creative_id, approved, now)


def reject_creative(
    engine: Engine, tenant: str, creative_id: str, *, reviewer: str, note: str, now: datetime
) -> StoredCreative:
    """A person refuses it, from the queue or after it was approved; what has been rejected is not served again.

    Raises
    ------
    InvalidRequest: it is neither in the queue nor approved, or the note is none. NotFound. StoreUnavailable.
    """
    _check_note(note)
    return _apply(engine, tenant, creative_id, lambda _, stored: states.reject(stored.review, reviewer, note, now), now)


def resubmit_creative(engine: Engine, tenant: str, creative_id: str, *, now: datetime) -> StoredCreative:
    """Send it to moderation again; the next run of `ad_creatives` judges it, and until then it is not served.

    Raises
    ------
    InvalidRequest: it waits already, or its campaign uses it no longer. NotFound. StoreUnavailable.
    """

    def submitted(_: Connection, stored: StoredCreative) -> Review:
        review = states.submit(stored.review, now)
        _must_be_current(stored)
        return review

    return _apply(engine, tenant, creative_id, submitted, now)


def _check_note(note: str) -> None:
    if len(note) > LONGEST_NOTE or has_hidden_characters(note):
        raise InvalidRequest(f"note must have at most {LONGEST_NOTE} characters, none of them hidden")


def _must_be_current(stored: StoredCreative) -> None:
    if not stored.is_current:
        raise InvalidRequest("its campaign does not use this text any more")


def _apply(
    engine: Engine,
    tenant: str,
    creative_id: str,
    decide: Callable[[Connection, StoredCreative], Review],
    now: datetime,
) -> StoredCreative:
    with editing(engine, now) as connection:
        stored = _creative_of(connection, tenant, creative_id)
        decided = replace(stored, review=decide(connection, stored))
        save_creatives(connection, [(decided, [decided.review])])
    return decided


def creatives_in(connection: Connection, column: str, values: Iterable[str]) -> dict[str, StoredCreative]:
    """Creatives of every tenant by id, whose `column` is among `values`."""
    return {row.creative_id: stored_creative(row) for row in select_in(connection, "creatives", column, values)}


def current_creatives(connection: Connection) -> dict[str, StoredCreative]:
    """What campaigns of every tenant use now, by id."""
    rows = connection.execute(sa.select(CREATIVES).where(CREATIVES.c.is_current))
    return {row.creative_id: stored_creative(row) for row in rows}


def save_creatives(connection: Connection, changes: Sequence[tuple[StoredCreative, Sequence[Review]]]) -> None:
    """Keep creatives as they stand now, and the states they went through since, inside an `editing` block."""
    upsert(connection, "creatives", [creative_row(stored) for stored, _ in changes])
    history: list[dict[str, Any]] = [review_row(stored.tenant, each) for stored, path in changes for each in path]
    if history:
        connection.execute(REVIEWS.insert(), history)
