"""The jobs beside the micro-batch: creatives and policy, integrity checks, upkeep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from dagster import AssetCheckKey, AssetKey, ExecuteInProcessResult, build_op_context
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from alphaads_pipelines.campaigns.store import has_campaigns
from alphaads_pipelines.decisions.catalogue import read_catalogue
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.schema.subject_tables import AD_ENGAGEMENT, RELEASED_GROUPS
from alphaads_pipelines.schema.tables import AD_CREATIVES, BANDIT_POLICY, POST_SCORES
from alphaads_pipelines.stores.engagement import read_engagement
from alphaads_pipelines.stores.sql.documents import read_document
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.wiring.app import Wiring
from assets.jobs import maintenance, prune_key_backups
from resources import names
from tests.equality import fingerprint
from tests.planning import POSTS, take_in

PASSED, FAILED = AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED


def _execute(jobs: InProcess, job: str) -> ExecuteInProcessResult:
    definition = jobs.definitions.get_repository_def().get_job(job)
    return definition.execute_in_process(instance=jobs.instance, raise_on_error=False)


def _checks(jobs: InProcess) -> dict[str, Any]:
    assert _execute(jobs, names.INTEGRITY).success
    latest = {}
    for name in ("gaps", "duplicates", "freshness"):
        key = AssetCheckKey(AssetKey("published"), name)
        [record] = jobs.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        latest[name] = record.status
    return latest


def _metadata(jobs: InProcess, asset: str) -> dict[str, Any]:
    event = jobs.instance.get_latest_materialization_event(AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def test_integrity_passes_over_what_was_published_whole(jobs: InProcess) -> None:
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)
    take_in(jobs.wiring, seed=2)
    run_until_idle(jobs.wiring)
    assert _checks(jobs) == {"gaps": PASSED, "duplicates": PASSED, "freshness": PASSED}


def test_before_anything_is_published_only_freshness_fails(jobs: InProcess) -> None:
    assert _checks(jobs) == {"gaps": PASSED, "duplicates": PASSED, "freshness": FAILED}


@pytest.mark.parametrize(("moved", "broken"), [(1, "gaps"), (-1, "duplicates")])
def test_a_range_that_is_not_where_the_last_one_ended_fails_its_check(jobs: InProcess, moved: int, broken: str) -> None:
    for seed in (1, 2):
        take_in(jobs.wiring, seed=seed)
        run_until_idle(jobs.wiring)
    ranges = sql_table("batch_ranges")
    with transaction(jobs.wiring.engine) as connection:
        later = sa.and_(ranges.c.batch_seq == 2, ranges.c.partition == 0)
        connection.execute(ranges.update().where(later).values(start_offset=ranges.c.start_offset + moved))
    assert _checks(jobs) == {"gaps": PASSED, "duplicates": PASSED, "freshness": PASSED, broken: FAILED}


def test_data_older_than_may_be_served_fails_freshness(jobs: InProcess) -> None:
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)
    positions = sql_table("stream_positions")
    too_old = datetime.now(UTC) - timedelta(seconds=jobs.wiring.settings.max_data_age_s + 60)
    with transaction(jobs.wiring.engine) as connection:
        connection.execute(positions.update().where(positions.c.partition == 1).values(complete_until=too_old))
    assert _checks(jobs)["freshness"] is FAILED


def test_advertising_writes_creatives_and_a_policy_and_tells_of_them(jobs: InProcess) -> None:
    assert _execute(jobs, names.ADVERTISING).success
    creatives = jobs.wiring.lake.scan(AD_CREATIVES).collect()
    shown = _metadata(jobs, AD_CREATIVES.name)
    assert shown["dagster/row_count"] == creatives.height > 0
    assert shown["approved"] == creatives.filter(creatives["moderation"] == "approved").height > 0
    assert shown["generator"] == "templates-1"
    assert sum(body in shown["examples"] for body in creatives["body"]) >= 10
    assert (shown["changed"], shown["needs_review"], shown["refused"]) == (creatives.height, 0, 0)
    with reading(jobs.wiring.engine) as connection:
        offered = read_catalogue(connection, with_samples=True).creatives
    assert {each["body"] for each in offered} == set(creatives["body"])
    learned = _metadata(jobs, BANDIT_POLICY.name)
    assert (learned["decisions"], learned["events"], learned["left_out"]) == (0, 0, 0)
    assert read_document(jobs.wiring.engine, "policy")[1]["serving"]["policy"] == learned["serves"] == "thompson"


def test_no_sample_is_advertised_where_the_settings_want_none(jobs: InProcess) -> None:
    jobs.wiring.settings.sample_campaigns = False
    assert _execute(jobs, names.CREATIVES).success
    assert _metadata(jobs, AD_CREATIVES.name)["dagster/row_count"] == 0
    with reading(jobs.wiring.engine) as connection:
        assert not has_campaigns(connection)


def test_groups_are_released_for_aggregates_once_a_day_and_the_reading_is_recorded(jobs: InProcess) -> None:
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)
    assert _execute(jobs, names.AGGREGATES).success
    shown = _metadata(jobs, RELEASED_GROUPS.name)
    assert (shown["release"], shown["least_group"]) == (1, jobs.wiring.settings.min_group_size)
    version, groups = jobs.wiring.released_groups.read()
    assert (version, groups.height, groups["posts"].sum()) == (1, shown["new_groups"], shown["posts"])
    assert groups.height > 0
    assert _execute(jobs, names.AGGREGATES).success
    assert jobs.wiring.released_groups.read()[0] == 1
    chains = [path.read_bytes() for path in jobs.wiring.settings.audit_path.rglob("*") if path.is_file()]
    assert b"".join(chains).count(b"profiles.aggregate") == 1


def test_engagement_is_counted_with_the_advertising(jobs: InProcess) -> None:
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)
    with reading(jobs.wiring.engine) as connection:
        subject = connection.execute(sa.select(sql_table("subjects").c.subject_id)).scalars().first()
    now = datetime.now(UTC).isoformat()
    decision = {"decision_id": "d" * 32, "subject_id": subject, "arm_id": "a", "decided_at": now}
    click = {"decision_id": "d" * 32, "kind": "click", "occurred_at": now}
    settings = jobs.wiring.settings
    jobs.wiring.stream.produce(settings.decisions_topic, [Record(0, orjson.dumps(decision))])
    jobs.wiring.stream.produce(settings.events_topic, [Record(0, orjson.dumps(click))])
    assert _execute(jobs, names.ADVERTISING).success
    shown = _metadata(jobs, AD_ENGAGEMENT.name)
    assert (shown["decisions"], shown["events"], shown["changed_hours"]) == (1, 1, 1)
    [counts] = read_engagement(jobs.wiring.engine, str(subject)).values()
    assert counts == [1, 1, 0]


def test_a_record_that_is_no_decision_is_counted_and_stops_nothing(jobs: InProcess) -> None:
    settings = jobs.wiring.settings
    jobs.wiring.stream.produce(settings.decisions_topic, [Record(0, b"not json")])
    assert _execute(jobs, names.ADVERTISING).success
    assert _metadata(jobs, BANDIT_POLICY.name)["left_out"] == 1


def test_maintenance_merges_files_and_changes_no_row(jobs: InProcess) -> None:
    for seed in range(1, 5):
        take_in(jobs.wiring, seed=seed)
        run_until_idle(jobs.wiring)
    before, files = fingerprint(jobs.wiring), len(jobs.wiring.lake.files(POST_SCORES))
    result = _execute(jobs, names.MAINTENANCE)
    assert result.success
    assert fingerprint(jobs.wiring) == before
    assert len(jobs.wiring.lake.files(POST_SCORES)) <= files
    assert jobs.wiring.ledger.gaps() == []


def test_maintenance_trims_the_stream_and_destroys_expired_keys(jobs: InProcess) -> None:
    wiring, topic = jobs.wiring, jobs.wiring.topics.posts
    take_in(wiring)
    wiring.intake.take("generic", [{"nobody": "wrote this"}], "c")
    run_until_idle(wiring)
    keys = sql_table("subject_keys")
    with transaction(wiring.engine) as connection:
        long_ago = datetime.now(UTC) - timedelta(days=1)
        daily = connection.execute(keys.update().where(keys.c.expires_at.is_not(None)).values(expires_at=long_ago))
        assert daily.rowcount == 1
    wiring.settings = wiring.settings.model_copy(update={"stream_retention_hours": 1e-9})
    assert _execute(jobs, names.MAINTENANCE).success
    assert wiring.stream.low_offsets(topic) == wiring.stream.end_offsets(topic)
    with transaction(wiring.engine) as connection:
        assert connection.execute(keys.select().where(keys.c.expires_at.is_not(None))).all() == []
        assert connection.execute(sa.select(sa.func.count()).select_from(keys)).scalar_one() > 0


def test_maintenance_deletes_key_backups_that_are_over(wiring: Wiring) -> None:
    now = datetime.now(UTC)
    kept, _over = (wiring.rights.key_backups.create(wiring.engine, now - timedelta(days=days)) for days in (6, 8))
    assert "prune_key_backups" in maintenance.graph.node_dict
    prune_key_backups(build_op_context(resources={"wiring": wiring}))
    assert wiring.rights.key_backups.files() == [kept]
    assert wiring.settings.erasure_journal_path.exists()


def test_a_young_record_stays_in_the_stream(jobs: InProcess) -> None:
    topic = jobs.wiring.topics.posts
    take_in(jobs.wiring)
    run_until_idle(jobs.wiring)
    assert _execute(jobs, names.MAINTENANCE).success
    assert set(jobs.wiring.stream.low_offsets(topic).values()) == {0}
    assert sum(jobs.wiring.stream.end_offsets(topic).values()) == POSTS
