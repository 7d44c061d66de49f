"""Stores creatives, their review history and the review queue, scoped by tenant."""

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
    """Read a creative and its last MOST_HISTORY reviews, oldest first. Raises NotFound, StoreUnavailable."""
    last = sa.select(REVIEWS).where(REVIEWS.c.creative_id == creative_id, REVIEWS.c.tenant == tenant)
    with reading(engine) as connection:
        found = _creative_of(connection, tenant, creative_id)
        rows = connection.execute(last.order_by(REVIEWS.c.change_seq.desc()).limit(MOST_HISTORY)).all()
    return found, [past_review(row) for row in reversed(rows)]


def _creative_of(connection: Connection, tenant: str, creative_id: str) -> StoredCreative:
    query = sa.select(CREATIVES).where(CREATIVES.c.creative_id == creative_id, CREATIVES.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
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
    """List a page of the tenant's creatives by id; `needs_review` is the review queue.

    Parameters
    ----------
    is_current: None includes retired ones.
    after: last id of the previous page. limit: at most MOST_LISTED.

    Raises
    ------
    StoreUnavailable.
    """
    query = sa.select(CREATIVES).where(CREATIVES.c.tenant == tenant, CREATIVES.c.creative_id > after)
    for column, value in ((CREATIVES.c.state, state), (CREATIVES.c.campaign_id, campaign_id)):
        query = query if value is None else query.where(column == value)
    if is_current is not None:
        query = query.where(CREATIVES.c.is_current == is_current)
    page = query.order_by(CREATIVES.c.creative_id).limit(min(limit, MOST_LISTED))
    with reading(engine) as connection:
        return [stored_creative(row) for row in connection.execute(page)]


def approve_creative(
    engine: Engine, tenant: str, creative_id: str, *, reviewer: str, note: str, now: datetime
) -> StoredCreative:
    """Approve a creative in the review queue, if it still passes the rules.

    Raises
    ------
    InvalidRequest: not in the queue, retired, or refused by the rules. NotFound. StoreUnavailable.
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
    """Refuse a queued or approved creative for good.

    Raises
    ------
    InvalidRequest: another state, or an invalid note. NotFound. StoreUnavailable.
    """
    _check_note(note)
    return _apply(engine, tenant, creative_id, lambda _, stored: states.reject(stored.review, reviewer, note, now), now)


def resubmit_creative(engine: Engine, tenant: str, creative_id: str, *, now: datetime) -> StoredCreative:
    """Stop serving a creative until the next run of `ad_creatives` moderates it again.

    Raises
    ------
    InvalidRequest: pending, under review or retired. NotFound. StoreUnavailable.
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
    """Read all tenants' creatives by id, filtered on a column."""
    return {row.creative_id: stored_creative(row) for row in select_in(connection, "creatives", column, values)}


def current_creatives(connection: Connection) -> dict[str, StoredCreative]:
    """Read all tenants' current creatives by id."""
    rows = connection.execute(sa.select(CREATIVES).where(CREATIVES.c.is_current))
    return {row.creative_id: stored_creative(row) for row in rows}


def save_creatives(connection: Connection, changes: Sequence[tuple[StoredCreative, Sequence[Review]]]) -> None:
    """Upsert creatives and append their new reviews, inside an `editing` block."""
    upsert(connection, "creatives", [creative_row(stored) for stored, _ in changes])
    history: list[dict[str, Any]] = [review_row(stored.tenant, each) for stored, path in changes for each in path]
    if history:
        connection.execute(REVIEWS.insert(), history)
