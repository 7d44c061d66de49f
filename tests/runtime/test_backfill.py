"""Backfills by event time: from the command line, in this process or by the daemon, and from the Dagster UI."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.daemon import BackfillDaemon
from dagster._daemon.types import DaemonHeartbeat
from dagster_graphql.client.query import LAUNCH_PARTITION_BACKFILL_MUTATION
from dagster_graphql.test.utils import execute_dagster_graphql

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.ingest.batches import planned_hour
from alphaads_pipelines.runtime.backfill import ASSETS, backfill, hours_of_events
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, POST_SCORES, RAW_POSTS
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.live import wait_until
from benchmarks.posts import START
from tests.conftest import ROOT
from tests.equality import fingerprint
from tests.planning import plan, take_in

FROM, TO = START, START + timedelta(days=1)


def _three_batches(wiring: Wiring) -> list[str]:
    """Posts of one day whose batches were planned two hours ago, an hour ago and now; the hours."""
    now = datetime.now(UTC)
    hours = []
    for seed, at in enumerate((now - timedelta(hours=2), now - timedelta(hours=1), now), start=1):
        take_in(wiring, 50, seed=seed, authors=15, broken=2)
        plan(wiring, at)
        hours.append(planned_hour(at))
        run_until_idle(wiring)
    return hours


def _spoil(wiring: Wiring) -> None:
    """Let the lake say of every post that it is joyful, and forget the profiles of one batch."""
    for batch in wiring.ledger.batches():
        scores = wiring.lake.read_slice(POST_SCORES, batch.slice)
        joyful = scores.with_columns(emotion=pl.lit("joy"), sentiment=pl.lit("positive"))
        wiring.lake.replace_slice(POST_SCORES, joyful, batch.slice, lambda: None)
    profiles = wiring.lake.read_slice(CUSTOMER_PROFILES, batch.slice)
    wiring.lake.replace_slice(CUSTOMER_PROFILES, profiles.clear(), batch.slice, lambda: None)


def _attempts(wiring: Wiring) -> list[tuple[str, str, int]]:
    return [(each.state, each.kind, each.attempt) for each in reversed(wiring.ledger.batches())]


def _backfill_runs(jobs: InProcess, backfill_id: str | None) -> list[Any]:
    return [run for run in jobs.instance.get_runs() if run.tags.get("dagster/backfill") == backfill_id]


def test_it_mends_what_the_lake_says_and_replays_the_current_hour_too(jobs: InProcess) -> None:
    wiring = jobs.wiring
    hours = _three_batches(wiring)
    before = fingerprint(wiring)
    _spoil(wiring)
    assert fingerprint(wiring) != before
    done = backfill(wiring, FROM, TO)
    assert (done.hours, done.batches, done.is_done) == (tuple(hours), 3, True)
    assert fingerprint(wiring) == before
    assert _attempts(wiring) == [("committed", "replay", 2)] * 3
    assert len(_backfill_runs(jobs, done.backfill_id)) == 1
    assert wiring.ledger.gaps() == []


def test_scoring_again_takes_the_posts_from_the_lake(jobs: InProcess) -> None:
    wiring = jobs.wiring
    _three_batches(wiring)
    before, version = fingerprint(wiring), wiring.lake.version(RAW_POSTS)
    _spoil(wiring)
    done = backfill(wiring, FROM, TO, first_asset="post_scores")
    assert done.batches == 3
    assert fingerprint(wiring) == before
    assert wiring.lake.version(RAW_POSTS) == version, "the posts were not written again"


def test_event_time_decides_which_hours_are_replayed(jobs: InProcess) -> None:
    wiring = jobs.wiring
    now = datetime.now(UTC)
    for days, hour in ((0, now - timedelta(hours=3)), (3, now)):
        posts = [
            {"id": f"d{days}-{n}", "platform": "generic", "author_id": "a", "author_name": "A", "text": "fine"}
            | {"created_at": (START + timedelta(days=days, minutes=n)).isoformat()}
            for n in range(5)
        ]
        wiring.intake.take("generic", posts, "c")
        plan(wiring, hour)
        run_until_idle(wiring)
    day = timedelta(days=1)
    assert hours_of_events(wiring, START, START + day) == [planned_hour(now - timedelta(hours=3))]
    assert hours_of_events(wiring, START + 3 * day, START + 4 * day) == [planned_hour(now)]
    last_post = START + timedelta(minutes=4)
    assert hours_of_events(wiring, last_post, last_post + timedelta(seconds=1)) != []
    assert hours_of_events(wiring, last_post + timedelta(seconds=1), START + day) == []
    assert hours_of_events(wiring, START - day, START) == [], "the end is not in it"
    everything = backfill(wiring, START, START + 4 * day)
    assert everything.batches == len(everything.hours) == 2
    assert len(_backfill_runs(jobs, everything.backfill_id)) == 2, "Dagster runs one unbroken stretch of hours at once"
    nothing = backfill(wiring, START + day, START + 2 * day)
    assert (nothing.backfill_id, nothing.hours, nothing.batches) == (None, (), 0)


@pytest.mark.parametrize(
    ("start", "end", "asset"),
    [
        (TO, FROM, "raw_posts"),
        (FROM, FROM, "raw_posts"),
        (FROM.replace(tzinfo=None), TO, "raw_posts"),
        (FROM, TO, "ad_creatives"),
    ],
    ids=["out of order", "empty", "no zone", "no such asset"],
)
def test_what_cannot_be_meant_is_refused(wiring: Wiring, start: datetime, end: datetime, asset: str) -> None:
    with pytest.raises(InvalidRequest):
        backfill(wiring, start, end, first_asset=asset)


@contextmanager
def _worker(jobs: InProcess) -> Iterator[None]:
    """A warm worker of this home, as `up` starts it."""
    command = [sys.executable, "-m", "alphaads_pipelines.runtime.worker", "worker1"]
    process = subprocess.Popen(command, env=jobs.wiring.settings.process_environment, cwd=ROOT)
    try:
        yield
    finally:
        process.terminate()
        process.wait(300)


def _launch_in_the_ui(workspace: WorkspaceProcessContext, hours: list[str]) -> str:
    """What the UI sends when somebody picks all assets and these hours; the backfill's id."""
    parameters = {"assetSelection": [{"path": [name]} for name in ASSETS], "partitionNames": hours}
    variables = {"backfillParams": parameters}
    context = workspace.create_request_context()
    answer = execute_dagster_graphql(context, LAUNCH_PARTITION_BACKFILL_MUTATION, variables=variables)
    launched = answer.data["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def _daemon_runs(workspace: WorkspaceProcessContext, backfill_id: str) -> None:
    """The backfill daemon's work, until this backfill is done."""
    logger = logging.getLogger("backfill")

    def is_over() -> bool:
        assert [error for error in execute_backfill_iteration(workspace, logger) if error] == []
        held = workspace.instance.get_backfill(backfill_id)
        assert held is not None
        assert held.status in (BulkActionStatus.REQUESTED, BulkActionStatus.COMPLETED_SUCCESS)
        return held.status is BulkActionStatus.COMPLETED_SUCCESS

    wait_until(is_over, "the backfill", 600.0, poll_s=0.3)


@pytest.mark.slow
def test_the_ui_and_the_command_line_give_the_same_tables(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    wiring, instance = jobs.wiring, jobs.instance
    for name, value in wiring.settings.process_environment.items():
        monkeypatch.setenv(name, value)
    hours = _three_batches(wiring)
    before = fingerprint(wiring)
    target = WorkspaceFileTarget([str(ROOT / "workspace.yaml")])
    with _worker(jobs), WorkspaceProcessContext(instance, target) as workspace:
        _spoil(wiring)
        from_ui = _launch_in_the_ui(workspace, hours)
        _daemon_runs(workspace, from_ui)
        assert fingerprint(wiring) == before
        assert _attempts(wiring) == [("committed", "replay", 2)] * 3

        _spoil(wiring)
        instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), BackfillDaemon.daemon_type(), "test", []))
        handed_over = backfill(wiring, FROM, TO)
        assert (handed_over.hours, handed_over.is_done) == (tuple(hours), False)
        assert handed_over.backfill_id is not None
        _daemon_runs(workspace, handed_over.backfill_id)
        assert fingerprint(wiring) == before
        assert _attempts(wiring) == [("committed", "replay", 3)] * 3
    for backfill_id in (from_ui, handed_over.backfill_id):
        assert len(_backfill_runs(jobs, backfill_id)) == 1
