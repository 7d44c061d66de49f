"""When texts are asked for: once for each edit, and until a new installation has some."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import RunRequest, SensorEvaluationContext, SkipReason, build_sensor_context

from alphaads_pipelines.campaigns.campaign import ACTIVE, DRAFT, PAUSED
from alphaads_pipelines.campaigns.store import create_campaign, set_campaign_state
from alphaads_pipelines.creatives.creative_store import list_creatives, resubmit_creative
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.pipeline.ad_creatives import refresh_creatives
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from sensors.campaigns import campaigns_sensor, first_run_key
from tests.catalogue_factories import TENANT, campaign


@pytest.fixture
def context(wiring: Wiring) -> SensorEvaluationContext:
    return build_sensor_context(resources={"wiring": wiring})


def _asks(context: SensorEvaluationContext) -> bool:
    return isinstance(campaigns_sensor(context), RunRequest)


def _write(wiring: Wiring) -> None:
    refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), [], datetime.now(UTC))


def _create(wiring: Wiring, now: datetime) -> None:
    create_campaign(wiring.engine, campaign(state=DRAFT), now)
    set_campaign_state(wiring.engine, TENANT, "tea", ACTIVE, now=now)


def test_a_new_installation_asks_until_it_has_something(context: SensorEvaluationContext, wiring: Wiring) -> None:
    assert _asks(context)
    assert _asks(context), "the same run key: no second run before it is time"


def test_in_production_nothing_is_asked_for_before_there_is_a_campaign(settings: Settings) -> None:
    given = {**settings.model_dump(), "sample_campaigns": False}
    with wired(Settings(**given)) as wiring:
        assert not _asks(build_sensor_context(resources={"wiring": wiring}))


def test_each_edit_is_asked_for_once(context: SensorEvaluationContext, wiring: Wiring) -> None:
    now = datetime.now(UTC)
    _create(wiring, now)
    assert (_asks(context), _asks(context)) == (True, False)
    _write(wiring)
    assert not _asks(context), "texts that were written are no edit"
    set_campaign_state(wiring.engine, TENANT, "tea", PAUSED, now=now + timedelta(seconds=1))
    assert not _asks(context), "nothing is written for a campaign that pauses"


def test_a_text_that_waits_for_moderation_is_asked_for(context: SensorEvaluationContext, wiring: Wiring) -> None:
    _create(wiring, datetime.now(UTC))
    _write(wiring)
    assert _asks(context)
    [first, *_] = list_creatives(wiring.engine, TENANT)
    resubmit_creative(wiring.engine, TENANT, first.creative.creative_id, now=datetime.now(UTC))
    assert (_asks(context), _asks(context)) == (True, False)


def test_a_first_run_that_failed_is_asked_for_again_but_not_at_once() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    keys = [first_run_key(now + timedelta(seconds=seconds)) for seconds in (0, 30, 299, 300, 600)]
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 3


def test_a_store_that_is_away_is_a_skip(
    context: SensorEvaluationContext, wiring: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable("the database did not answer")

    monkeypatch.setattr("alphaads_pipelines.creatives.pending_work.pending_work_token", refuse)
    answer = campaigns_sensor(context)
    assert isinstance(answer, SkipReason)
    assert answer.skip_message == "store_unavailable: the database did not answer"
