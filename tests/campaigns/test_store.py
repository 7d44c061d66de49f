"""Campaigns on SQLite and PostgreSQL: scoped by tenant, no lost updates, every edit published to servers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.brand_rules import CampaignRules, Voice
from alphaads_pipelines.campaigns.campaign import ACTIVE, DRAFT, ENDED, PAUSED, Campaign
from alphaads_pipelines.campaigns.campaign_changes import ADVERTISING, editing
from alphaads_pipelines.campaigns.sample_campaigns import SAMPLE_TENANT, sample_campaigns, seed_samples
from alphaads_pipelines.campaigns.store import (
    MOST_LISTED,
    create_campaign,
    edit_campaign,
    insert_campaigns,
    list_campaigns,
    read_campaign,
    read_organisation,
    save_organisation,
    set_campaign_state,
)
from alphaads_pipelines.errors import InvalidRequest, NotFound, WriteConflict
from alphaads_pipelines.stores.sql.documents import read_document
from tests.campaigns.test_campaign import NOON, campaign
from tests.concurrency import at_once

pytestmark = pytest.mark.integration
FULL = campaign(
    rules=CampaignRules(("cures",), ("Anzeige",), Voice("warm", ("cheap",), exclamations=False, emoji=False)),
    emotions=("joy", "neutral"),
    segments=("night owls", "夜"),
    unsafe_moods=("anger",),
    cost_microusd=2_500,
    budget_microusd=10**14,
    daily_budget_microusd=5_000_000,
    daily_cap=3,
    segment_floors={"夜": 0.25},
    starts_at=NOON,
    ends_at=NOON + timedelta(days=30),
)


def edits(engine: Engine) -> int:
    """Number of edits, as servers see it."""
    return read_document(engine, ADVERTISING)[0]


def test_a_campaign_comes_back_as_it_was_made(engine: Engine) -> None:
    assert create_campaign(engine, FULL, NOON) == FULL
    assert read_campaign(engine, "acme", "k1") == FULL
    assert edits(engine) == 1
    with pytest.raises(InvalidRequest, match="taken"):
        create_campaign(engine, campaign(tenant="other"), NOON)
    with pytest.raises(InvalidRequest, match="draft"):
        create_campaign(engine, campaign(campaign_id="k2", state=ACTIVE), NOON)
    assert edits(engine) == 1, "what was refused is no edit"


def test_another_tenants_campaign_is_not_found(engine: Engine) -> None:
    create_campaign(engine, FULL, NOON)
    calls: list[Callable[[], Any]] = [
        lambda: read_campaign(engine, "other", "k1"),
        lambda: edit_campaign(engine, "other", "k1", {"name": "mine"}, version=0, now=NOON),
        lambda: set_campaign_state(engine, "other", "k1", ACTIVE, now=NOON),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert list_campaigns(engine, "other") == []
    assert read_campaign(engine, "acme", "k1") == FULL


def test_campaigns_are_listed_by_id_page_by_page(engine: Engine) -> None:
    many = [campaign(campaign_id=f"k{each:03}", state=(DRAFT, ACTIVE)[each % 2]) for each in range(7)]
    with editing(engine, NOON) as connection:
        assert insert_campaigns(connection, many, NOON) == 7
    assert list_campaigns(engine, "acme", limit=3) == many[:3]
    assert list_campaigns(engine, "acme", after="k002", limit=3) == many[3:6]
    assert list_campaigns(engine, "acme", after="k006") == []
    assert list_campaigns(engine, "acme", state=ACTIVE, limit=10 * MOST_LISTED) == many[1::2]


def test_an_edit_must_know_what_it_edits(engine: Engine) -> None:
    create_campaign(engine, FULL, NOON)
    edited = edit_campaign(engine, "acme", "k1", {"name": "Summer", "daily_cap": None}, version=0, now=NOON)
    assert edited == msgspec.structs.replace(FULL, name="Summer", daily_cap=None, version=1)
    assert read_campaign(engine, "acme", "k1") == edited
    with pytest.raises(WriteConflict, match="at version 1"):
        edit_campaign(engine, "acme", "k1", {"name": "Autumn"}, version=0, now=NOON)
    with pytest.raises(InvalidRequest, match="blank"):
        edit_campaign(engine, "acme", "k1", {"name": " "}, version=1, now=NOON)
    assert read_campaign(engine, "acme", "k1") == edited
    assert edits(engine) == 2


def test_of_racing_edits_one_is_made_and_the_others_are_told(engine: Engine) -> None:
    create_campaign(engine, FULL, NOON)

    def edit(number: int) -> Campaign | None:
        try:
            return edit_campaign(engine, "acme", "k1", {"name": f"edit {number}"}, version=0, now=NOON)
        except WriteConflict:
            return None

    results = at_once(*(lambda number=number: edit(number) for number in range(6)))
    [made] = [each for each in results if each is not None]
    assert read_campaign(engine, "acme", "k1") == made
    assert made.version == 1


def test_edits_of_several_campaigns_at_once_are_all_made(engine: Engine) -> None:
    ids = [f"k{each}" for each in range(6)]
    for each in ids:
        create_campaign(engine, campaign(campaign_id=each), NOON)
    at_once(*(lambda each=each: set_campaign_state(engine, "acme", each, ACTIVE, now=NOON) for each in ids))
    assert {each.state for each in list_campaigns(engine, "acme")} == {ACTIVE}
    assert edits(engine) == 12


def test_states_are_moved_and_a_repeated_move_changes_nothing(engine: Engine) -> None:
    create_campaign(engine, FULL, NOON)
    with pytest.raises(InvalidRequest, match="draft cannot become paused"):
        set_campaign_state(engine, "acme", "k1", PAUSED, now=NOON)
    for version, state in enumerate((ACTIVE, PAUSED, ACTIVE, ENDED), 1):
        assert set_campaign_state(engine, "acme", "k1", state, now=NOON).version == version
        assert set_campaign_state(engine, "acme", "k1", state, now=NOON).version == version
    with pytest.raises(InvalidRequest, match="ended cannot become active"):
        set_campaign_state(engine, "acme", "k1", ACTIVE, now=NOON)
    with pytest.raises(InvalidRequest, match="ended cannot be edited"):
        edit_campaign(engine, "acme", "k1", {"name": "again"}, version=4, now=NOON)


def test_a_move_may_say_what_it_was_decided_from(engine: Engine) -> None:
    create_campaign(engine, FULL, NOON)
    edit_campaign(engine, "acme", "k1", {"budget_microusd": 10**15}, version=0, now=NOON)
    with pytest.raises(WriteConflict):
        set_campaign_state(engine, "acme", "k1", ACTIVE, now=NOON, version=0)
    assert set_campaign_state(engine, "acme", "k1", ACTIVE, now=NOON, version=1).state == ACTIVE


def test_a_tenant_names_its_organisation(engine: Engine) -> None:
    with pytest.raises(NotFound):
        read_organisation(engine, "acme")
    first = save_organisation(engine, "acme", "Acme", NOON)
    later = save_organisation(engine, "acme", "Acme & Söhne", NOON + timedelta(days=1))
    assert (first.created_at, later.name, later.created_at) == (NOON, "Acme & Söhne", NOON)
    assert read_organisation(engine, "acme") == later
    with pytest.raises(NotFound):
        read_organisation(engine, "other")
    for tenant, name in (("", "x"), ("acme", "  ")):
        with pytest.raises(InvalidRequest):
            save_organisation(engine, tenant, name, NOON)


def test_samples_are_kept_only_where_there_is_no_campaign_at_all(engine: Engine) -> None:
    assert at_once(*(lambda: seed_samples(engine, NOON) for _ in range(3))).count(3) == 1
    assert list_campaigns(engine, SAMPLE_TENANT) == sorted(sample_campaigns(), key=lambda each: each.campaign_id)
    before = edits(engine)
    assert seed_samples(engine, NOON) == 0
    assert edits(engine) == before


def test_no_samples_come_beside_a_campaign_of_somebodys(engine: Engine) -> None:
    create_campaign(engine, FULL, NOON)
    assert seed_samples(engine, NOON) == 0
    assert list_campaigns(engine, SAMPLE_TENANT) == []
