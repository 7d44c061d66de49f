"""Stores campaigns and organisations, scoped by tenant.

Edits use optimistic locking by version. Texts of a changed brief are retired in the same transaction; the next run of
`ad_creatives` writes new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row

from alphaads_pipelines.campaigns.campaign import (
    ACTIVE,
    DRAFT,
    ENDED,
    LONGEST_WORDS,
    Campaign,
    stale_emotions,
    to_campaign,
)
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.retired_texts import retire_texts
from alphaads_pipelines.campaigns.text.normalisation import has_hidden_characters
from alphaads_pipelines.errors import InvalidRequest, NotFound, WriteConflict
from alphaads_pipelines.stores.sql.relational import insert_ignore, reading, sql_table, transaction
from alphaads_pipelines.telemetry import get_logger

MOST_LISTED: Final = 500
_log = get_logger(__name__)
_CAMPAIGNS, _ORGANISATIONS = sql_table("campaigns"), sql_table("organisations")


class Organisation(msgspec.Struct, frozen=True):
    """An advertiser."""

    tenant: str
    name: str
    created_at: datetime


def read_organisation(engine: Engine, tenant: str) -> Organisation:
    """Read the tenant's organisation. Raises NotFound, StoreUnavailable."""
    with reading(engine) as connection:
        row = connection.execute(sa.select(_ORGANISATIONS).where(_ORGANISATIONS.c.tenant == tenant)).one_or_none()
    if row is None:
        raise NotFound("this tenant has no organisation yet")
    return Organisation(row.tenant, row.name, row.created_at)


def save_organisation(engine: Engine, tenant: str, name: str, now: datetime) -> Organisation:
    """Create or rename the tenant's organisation.

    Raises
    ------
    InvalidRequest: a blank tenant or an invalid name. StoreUnavailable.
    """
    if not tenant.strip() or not name.strip():
        raise InvalidRequest("tenant and name must not be blank")
    if len(name) > LONGEST_WORDS or has_hidden_characters(name):
        raise InvalidRequest(f"name must have at most {LONGEST_WORDS} characters, none of them hidden")
    with transaction(engine) as connection:
        insert_ignore(connection, "organisations", [{"tenant": tenant, "name": name, "created_at": now}])
        renamed = _ORGANISATIONS.update().where(_ORGANISATIONS.c.tenant == tenant).values(name=name)
        began = connection.execute(renamed.returning(_ORGANISATIONS.c.created_at)).scalar_one()
    return Organisation(tenant, name, began)


def create_campaign(engine: Engine, campaign: Campaign, now: datetime) -> Campaign:
    """Insert a draft.

    Raises
    ------
    InvalidRequest: another state, or a taken id. StoreUnavailable.
    """
    if campaign.state != DRAFT:
        raise InvalidRequest("a new campaign is a draft")
    with editing(engine, now) as connection:
        if not insert_campaigns(connection, [campaign], now):
            raise InvalidRequest("campaign_id is taken")
    return campaign


def insert_campaigns(connection: Connection, campaigns: list[Campaign], now: datetime) -> int:
    """Insert campaigns in any state, inside an `editing` block; return how many were new."""
    rows = [{**_row(each), "created_at": now, "updated_at": now} for each in campaigns]
    return insert_ignore(connection, "campaigns", rows)


def has_campaigns(connection: Connection) -> bool:
    """Whether any tenant has a campaign."""
    return connection.execute(sa.select(_CAMPAIGNS.c.campaign_id).limit(1)).first() is not None


def read_campaign(engine: Engine, tenant: str, campaign_id: str) -> Campaign:
    """Read one campaign. Raises NotFound, StoreUnavailable."""
    with reading(engine) as connection:
        return campaign_of(connection, tenant, campaign_id)


def campaign_of(connection: Connection, tenant: str, campaign_id: str) -> Campaign:
    """`read_campaign` inside a transaction."""
    query = sa.select(_CAMPAIGNS).where(_CAMPAIGNS.c.campaign_id == campaign_id, _CAMPAIGNS.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("there is no such campaign")
    return _from_row(row)


def list_campaigns(
    engine: Engine, tenant: str, *, state: str | None = None, after: str = "", limit: int = 100
) -> list[Campaign]:
    """List a page of the tenant's campaigns by id. Raises StoreUnavailable.

    Parameters
    ----------
    after: last id of the previous page. limit: at most MOST_LISTED.
    """
    query = sa.select(_CAMPAIGNS).where(_CAMPAIGNS.c.tenant == tenant, _CAMPAIGNS.c.campaign_id > after)
    if state is not None:
        query = query.where(_CAMPAIGNS.c.state == state)
    page = query.order_by(_CAMPAIGNS.c.campaign_id).limit(min(limit, MOST_LISTED))
    with reading(engine) as connection:
        return [_from_row(row) for row in connection.execute(page)]


def active_campaigns(connection: Connection) -> dict[str, Campaign]:
    """Read all tenants' active campaigns by id; invalid ones are skipped and logged."""
    query = sa.select(_CAMPAIGNS).where(_CAMPAIGNS.c.state == ACTIVE).order_by(_CAMPAIGNS.c.campaign_id)
    found = {}
    for row in connection.execute(query):
        try:
            found[row.campaign_id] = _from_row(row)
        except InvalidRequest as error:  # an older version accepted it; the others must still be served
            _log.warning("campaign.left_out", campaign=row.campaign_id, reason=str(error))
    return found


def edit_campaign(
    engine: Engine, tenant: str, campaign_id: str, changes: Mapping[str, Any], *, version: int, now: datetime
) -> Campaign:
    """Change EDITABLE fields; `version` is the one the edit is based on.

    Raises
    ------
    WriteConflict: edited since. InvalidRequest: ended, or invalid fields. NotFound. StoreUnavailable.
    """
    with editing(engine, now) as connection:
        stored = campaign_of(connection, tenant, campaign_id)
        _check_version(stored, version)
        if stored.state == ENDED:
            raise InvalidRequest("a campaign that is ended cannot be edited")
        edited = msgspec.structs.replace(stored, **changes, version=stored.version + 1)
        if stale := stale_emotions(stored, edited):
            retire_texts(connection, campaign_id, stale)
        _update(connection, edited, now)
    return edited


def set_campaign_state(
    engine: Engine, tenant: str, campaign_id: str, state: str, *, now: datetime, version: int | None = None
) -> Campaign:
    """Change a campaign's state, idempotently; `version` as in `edit_campaign`, None skips the check.

    Raises
    ------
    WriteConflict: edited since. InvalidRequest: forbidden transition. NotFound. StoreUnavailable.
    """
    with editing(engine, now) as connection:
        stored = campaign_of(connection, tenant, campaign_id)
        if version is not None:
            _check_version(stored, version)
        if stored.state == state:
            return stored
        moved = stored.with_state(state)
        if state == ENDED:
            retire_texts(connection, campaign_id)
        _update(connection, moved, now)
    return moved


def _check_version(stored: Campaign, version: int) -> None:
    if stored.version != version:
        raise WriteConflict(f"the campaign was edited meanwhile and is at version {stored.version}; read it again")


def _update(connection: Connection, campaign: Campaign, now: datetime) -> None:
    statement = _CAMPAIGNS.update().where(_CAMPAIGNS.c.campaign_id == campaign.campaign_id)
    connection.execute(statement.values(**_row(campaign), updated_at=now))


def _row(campaign: Campaign) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(campaign, builtin_types=(datetime,))
    return row


def _from_row(row: Row[Any]) -> Campaign:
    """Read a row. Raises InvalidRequest if it violates today's rules."""
    try:
        return to_campaign({name: getattr(row, name) for name in Campaign.__struct_fields__})
    except msgspec.ValidationError as error:
        raise InvalidRequest(str(error)) from None
