"""What a new installation asks for once, and what runs by the clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from dagster import RunRequest, SkipReason, build_sensor_context

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.ingest import publish
from alphaads_pipelines.wiring import Wiring
from assets import names
from sensors.schedules import first_creatives_sensor, first_run_key, schedules


def test_creatives_are_asked_for_until_there_is_a_policy(wiring: Wiring) -> None:
    context = build_sensor_context(resources={"wiring": wiring})
    first = first_creatives_sensor(context)
    assert isinstance(first, RunRequest)
    publish.publish_document(wiring.engine, "policy", {}, datetime.now(UTC))
    then = first_creatives_sensor(context)
    assert isinstance(then, SkipReason)
    assert then.skip_message == "creatives and policy are there"


def test_a_first_run_that_failed_is_asked_for_again_but_not_at_once() -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    keys = [first_run_key(now + timedelta(seconds=seconds)) for seconds in (0, 30, 299, 300, 600)]
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 3


def test_a_store_that_is_away_is_a_skip(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise StoreUnavailable("the database did not answer")

    monkeypatch.setattr(publish, "read_document", refuse)
    answer = first_creatives_sensor(build_sensor_context(resources={"wiring": wiring}))
    assert isinstance(answer, SkipReason)
    assert answer.skip_message == "store_unavailable: the database did not answer"


def test_creatives_and_policy_are_made_each_hour_and_history_is_pruned_more_often() -> None:
    crons = {schedule.job_name: schedule.cron_schedule for schedule in schedules}
    assert crons[names.ADVERTISING] == "0 * * * *"
    assert crons[names.PRUNE] == "*/15 * * * *"
    assert set(crons) == {names.ADVERTISING, names.INTEGRITY, names.MODEL_WATCH, names.MAINTENANCE, names.PRUNE} | {
        *(names.SEGMENTS, names.AGGREGATES, names.ERASURES)
    }
