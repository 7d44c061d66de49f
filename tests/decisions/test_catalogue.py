"""The catalogue: nothing in it that was not approved, nothing of a campaign that does not run, each tenant its own."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.campaign import ACTIVE, ENDED, PAUSED, Campaign
from alphaads_pipelines.campaigns.campaign_changes import editing
from alphaads_pipelines.campaigns.sample_campaigns import SAMPLE_TENANT, sample_campaigns, seed_samples
from alphaads_pipelines.campaigns.store import create_campaign, edit_campaign, set_campaign_state
from alphaads_pipelines.creatives.creative_rows import StoredCreative
from alphaads_pipelines.creatives.creative_store import approve_creative, reject_creative, save_creatives
from alphaads_pipelines.creatives.review import STATES, Review
from alphaads_pipelines.decisions.catalogue import Catalogue, read_catalogue
from alphaads_pipelines.experiments.store import start_experiment, stop_experiment
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from tests.campaigns.test_campaign import NOON, campaign
from tests.creatives.test_creative_store import BAD, DOUBTFUL, keep, texts
from tests.experiments.test_store import create

pytestmark = pytest.mark.integration


def catalogue(engine: Engine, *, with_samples: bool = True) -> Catalogue:
    with reading(engine) as connection:
        return read_catalogue(connection, with_samples=with_samples)


def offered(engine: Engine) -> set[str]:
    return {each["creative_id"] for each in catalogue(engine).creatives}


def active(engine: Engine, campaign_id: str = "k1", tenant: str = "acme") -> Campaign:
    create_campaign(engine, campaign(campaign_id=campaign_id, tenant=tenant), NOON)
    return set_campaign_state(engine, tenant, campaign_id, ACTIVE, now=NOON)


def test_before_anything_is_advertised_it_is_empty(engine: Engine) -> None:
    assert catalogue(engine) == Catalogue()
    assert catalogue(engine).offered_to("acme") is None


def test_only_current_approved_texts_of_active_campaigns_are_in_it(engine: Engine) -> None:
    spring = active(engine)
    [text] = [each for each in texts(spring) if each.emotion == "joy"]
    for state, is_current in product(STATES, (True, False)):
        stored = StoredCreative(text, "acme", Review(text.creative_id, state, NOON), is_current, NOON)
        with editing(engine, NOON) as connection:
            save_creatives(connection, [(stored, [])])
        assert offered(engine) == ({text.creative_id} if state == "approved" and is_current else set())


def test_a_text_is_told_in_full(engine: Engine) -> None:
    spring = active(engine)
    kept = keep(engine, spring, {"joy": BAD, "fear": DOUBTFUL})
    found = catalogue(engine)
    assert found.campaigns == {"k1": spring}
    assert {each["emotion"] for each in found.creatives} == kept.keys() - {"joy", "fear"}
    [calm] = [each for each in found.creatives if each["emotion"] == "anger"]
    text = kept["anger"].creative
    assert calm == {
        **{"creative_id": text.creative_id, "tenant": "acme", "campaign_id": "k1", "emotion": "anger"},
        **{"tone": text.tone, "headline": text.headline, "body": text.body, "call_to_action": text.call_to_action},
        **{"placement": text.placement, "generator": text.generator, "moderation": "approved"},
    }
    assert [each["creative_id"] for each in found.creatives] == sorted(each["creative_id"] for each in found.creatives)


def test_every_edit_is_in_the_next_catalogue(engine: Engine) -> None:
    spring = active(engine)
    kept = keep(engine, spring, {"joy": DOUBTFUL})
    joy, fear = kept["joy"].creative.creative_id, kept["fear"].creative.creative_id
    everything = {each.creative.creative_id for each in kept.values()}
    assert offered(engine) == everything - {joy}
    approve_creative(engine, "acme", joy, reviewer="ana", note="fine", now=NOON)
    assert offered(engine) == everything
    reject_creative(engine, "acme", fear, reviewer="ana", note="no", now=NOON)
    assert offered(engine) == everything - {fear}
    set_campaign_state(engine, "acme", "k1", PAUSED, now=NOON)
    assert catalogue(engine) == Catalogue()
    set_campaign_state(engine, "acme", "k1", ACTIVE, now=NOON)
    assert offered(engine) == everything - {fear}
    set_campaign_state(engine, "acme", "k1", ENDED, now=NOON)
    assert catalogue(engine) == Catalogue()


def test_a_campaign_whose_window_is_not_now_is_in_it_all_the_same(engine: Engine) -> None:
    spring = active(engine)
    times = {"starts_at": NOON + timedelta(days=1), "ends_at": NOON + timedelta(days=2)}
    edited = edit_campaign(engine, "acme", "k1", times, version=spring.version, now=NOON)
    assert catalogue(engine).campaigns == {"k1": edited}


def test_each_tenant_is_offered_its_own_else_the_samples(engine: Engine) -> None:
    seed_samples(engine, NOON)
    for each in sample_campaigns():
        keep(engine, each, {})
    keep(engine, active(engine, "k1", "acme"), {})
    create_campaign(engine, campaign(campaign_id="k2", tenant="drafty"), NOON)
    active(engine, "k3", "textless")
    found = catalogue(engine)
    assert {found.offered_to(each) for each in ("drafty", "nobody", "")} == {SAMPLE_TENANT}
    assert [found.offered_to(each) for each in ("acme", "textless")] == ["acme", "textless"]
    assert {each["campaign_id"] for each in found.creatives_of["acme"]} == {"k1"}
    assert found.creatives_of["textless"] == ()
    assert {each["campaign_id"] for each in found.creatives_of[SAMPLE_TENANT]} == {"lamp", "boots", "kettle"}
    without = catalogue(engine, with_samples=False)
    assert without.offered_to("nobody") is None
    assert without.campaigns.keys() == {"k1", "k3"}
    assert {each["tenant"] for each in without.creatives} == {"acme"}


def test_a_text_of_another_tenant_under_the_same_campaign_is_not_offered(engine: Engine) -> None:
    spring = active(engine)
    [text, *_] = texts(spring)
    planted = StoredCreative(text, "other", Review(text.creative_id, "approved", NOON), True, NOON)
    with editing(engine, NOON) as connection:
        save_creatives(connection, [(planted, [])])
    assert offered(engine) == set()


@pytest.mark.parametrize("damage", [{"placement": "moon"}, {"emotions": 5}], ids=lambda each: next(iter(each)))
def test_a_campaign_that_is_none_by_todays_rules_is_left_out_alone(engine: Engine, damage: dict[str, Any]) -> None:
    keep(engine, active(engine, "k1"), {})
    keep(engine, active(engine, "k2"), {})
    table = sql_table("campaigns")
    with transaction(engine) as connection:
        connection.execute(table.update().where(table.c.campaign_id == "k2").values(**damage))
    found = catalogue(engine)
    assert found.campaigns.keys() == {each["campaign_id"] for each in found.creatives} == {"k1"}


def test_running_experiments_are_in_it(engine: Engine) -> None:
    drafted = create(engine)
    assert catalogue(engine).experiments == ()
    started = start_experiment(engine, "acme", drafted.experiment_id, NOON)
    assert catalogue(engine).experiments == (started,)
    stop_experiment(engine, "acme", drafted.experiment_id, NOON)
    assert catalogue(engine).experiments == ()
