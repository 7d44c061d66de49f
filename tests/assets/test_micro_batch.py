"""A micro-batch as Dagster shows it: what is materialised, with which metadata, tags and partition."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from dagster import AssetKey, DagsterRunStatus

from alphaads_pipelines.pipeline.reports import StepReport
from alphaads_pipelines.runtime.in_process import InProcess
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONS, RAW_POSTS
from assets.reporting import EmotionPlot
from resources import names
from tests.planning import due, take_in

ASSETS = (
    *("raw_posts", "rejected_posts", "post_scores", "post_entities"),
    *("customer_profiles", "emotional_journeys", "published"),
)


def _metadata(jobs: InProcess, asset: str) -> dict[str, Any]:
    event = jobs.instance.get_latest_materialization_event(AssetKey(asset))
    assert event is not None, asset
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def _run(jobs: InProcess, **posts: int) -> Any:
    correlation_id = take_in(jobs.wiring, **posts)
    [batch] = due(jobs.wiring)
    return jobs.batch(batch), correlation_id


def test_every_asset_is_materialised_in_the_hour_in_which_the_batch_was_planned(jobs: InProcess) -> None:
    batch, _ = _run(jobs)
    assert batch.state == "committed"
    for name in ASSETS:
        assert jobs.instance.get_materialized_partitions(AssetKey(name)) == {batch.planned_hour}


def test_metadata_counts_what_went_in_and_out(jobs: InProcess) -> None:
    batch, correlation_id = _run(jobs, posts=60, broken=3)
    raw, rejected = _metadata(jobs, "raw_posts"), _metadata(jobs, "rejected_posts")
    assert {name: raw[name] for name in ("read", "accepted", "rejected", "duplicates")} == {
        "read": 63,
        "accepted": 60,
        "rejected": 3,
        "duplicates": 0,
    }
    assert (raw["dagster/row_count"], rejected["dagster/row_count"]) == (60, 3)
    assert raw["batches"] == batch.id
    assert raw["correlation_ids"] == correlation_id
    assert raw["delta_version"] == jobs.wiring.lake.version(RAW_POSTS)
    offsets = re.findall(r"\| posts\.raw\[(\d)\] \| (\d+) \| (\d+) \| (\d+) \|", raw["offsets"])
    assert {int(partition): (int(start), int(end)) for partition, start, end, _ in offsets} == {
        each.partition: (each.start, each.end) for each in batch.ranges
    }
    assert sum(int(records) for *_, records in offsets) == 63
    profiles = _metadata(jobs, "customer_profiles")
    assert profiles["subjects"] == profiles["new_subjects"] == jobs.wiring.lake.scan(CUSTOMER_PROFILES).collect().height
    assert _metadata(jobs, "published")["subjects"] == profiles["subjects"]


def test_the_run_is_found_by_its_batch_its_attempt_and_the_correlation_id_of_its_intake(jobs: InProcess) -> None:
    batch, correlation_id = _run(jobs)
    [run] = jobs.instance.get_runs()
    assert run.status is DagsterRunStatus.SUCCESS
    assert run.tags[names.BATCH_TAG] == batch.id
    assert run.tags[names.ATTEMPT_TAG] == "1"
    assert run.tags[names.CORRELATION_TAG] == correlation_id
    assert run.tags["dagster/partition"] == batch.planned_hour


def test_a_run_without_batch_and_partition_does_nothing_and_says_so(jobs: InProcess) -> None:
    job = jobs.definitions.get_repository_def().get_job(names.MICRO_BATCH)
    result = job.execute_in_process(instance=jobs.instance, raise_on_error=False)
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "a run of these assets needs a partition, or a batch" in str(failure.step_failure_data.error)
    assert jobs.wiring.lake.version(RAW_POSTS) is None


def test_nothing_that_dagster_keeps_names_or_quotes_anybody(jobs: InProcess) -> None:
    secret = "Perdita Quillfeather"
    post = {"id": "p1", "platform": "generic", "author_id": "a1", "author_name": secret, "text": f"{secret} says hi"}
    good = {**post, "created_at": "2026-11-24T10:00:00Z"}
    jobs.wiring.intake.take("generic", [good, {**good, "id": "p2", "created_at": f"when {secret} was young"}], "c")
    [batch] = due(jobs.wiring)
    after = jobs.batch(batch)
    assert (after.counts.accepted, after.counts.rejected) == (1, 1)
    home = jobs.wiring.settings.dagster_home
    held = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert len(held) > 100_000
    assert b"Perdita" not in held
    assert b"Quillfeather" not in held


@pytest.fixture
def report() -> StepReport:
    return StepReport({}, 0.1, {"posts": 9, **{f"{emotion}_posts": 1 for emotion in EMOTIONS}})


def test_the_emotion_plot_is_a_picture_and_drawn_once_a_minute(report: StepReport) -> None:
    plot = EmotionPlot()
    drawn = plot.metadata(report)
    [encoded] = re.findall(r"base64,([^)]+)\)", str(drawn["emotions"].value))
    assert base64.b64decode(encoded).startswith(b"\x89PNG")
    assert plot.metadata(report) == {}
    assert "emotions" in EmotionPlot().metadata(report)
