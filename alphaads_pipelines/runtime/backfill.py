"""Backfills by event time: launched like those of the Dagster UI, or run in this process if no daemon is alive."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.ingest.batches import HOUR_FORMAT
from alphaads_pipelines.runtime.in_process import InProcess, in_process
from alphaads_pipelines.schema.tables import (
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    POST_ENTITIES,
    POST_SCORES,
    PUBLISHED,
    RAW_POSTS,
    REJECTED_POSTS,
)
from alphaads_pipelines.wiring.app import Wiring

if TYPE_CHECKING:
    from dagster import DagsterInstance

ASSETS = tuple(
    table.name
    for table in (
        *(RAW_POSTS, REJECTED_POSTS),
        *(POST_SCORES, POST_ENTITIES),
        *(CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS),
        PUBLISHED,
    )
)
_HEARTBEAT_IS_OLD_S = 15.0
_TITLE = "alphaads backfill"


@dataclass(frozen=True, slots=True)
class Backfill:
    """A launched backfill.

    Attributes
    ----------
    backfill_id: None if there was nothing to replay.
    hours: replayed partitions. batches: committed batches planned in them.
    is_done: whether the runs executed in this process, and are over.
    """

    backfill_id: str | None
    hours: tuple[str, ...]
    batches: int
    is_done: bool


def hours_of_events(wiring: Wiring, start: datetime, end: datetime) -> list[str]:
    """Hours in which the batches of posts created from `start` until before `end` were planned."""
    import polars as pl

    posts = wiring.lake.scan(RAW_POSTS).filter(
        pl.col("event_date").is_between(start.date(), end.date()),
        pl.col("created_at").is_between(start, end, closed="left"),
    )
    seqs = posts.select(pl.col("batch_seq").unique()).collect()["batch_seq"].to_list()
    return sorted({wiring.ledger.get(seq).planned_hour for seq in seqs})


def backfill(
    wiring: Wiring, start: datetime, end: datetime, *, first_asset: str = RAW_POSTS.name, in_this_process: bool = False
) -> Backfill:
    """Replay every batch that holds a post created from `start` until before `end`.

    Parameters
    ----------
    first_asset: `post_scores` rescores posts from the lake.
    in_this_process: even if a daemon is alive.

    Raises
    ------
    InvalidRequest: the times are out of order or naive, or the asset is unknown.
    StoreUnavailable: a run in this process failed.
    """
    if start.tzinfo is None or end.tzinfo is None or start >= end:
        raise InvalidRequest("from, to: must be times with a zone, from before to")
    if first_asset not in ASSETS:
        raise InvalidRequest(f"asset: must be one of {', '.join(ASSETS)}")
    hours = hours_of_events(wiring, start, end)
    if not hours:
        return Backfill(None, (), 0, is_done=True)
    assets = _assets_from(first_asset)
    batches = sum(len(wiring.ledger.batches(hour=hour, state="committed", limit=1_000_000)) for hour in hours)
    with in_process(wiring) as jobs:
        if not in_this_process and daemon_is_alive(jobs.instance):
            return Backfill(_launch(jobs, hours, assets), tuple(hours), batches, is_done=False)
        return Backfill(_execute(jobs, hours, assets), tuple(hours), batches, is_done=True)


def daemon_is_alive(instance: DagsterInstance) -> bool:
    """Whether a backfill daemon sent a recent heartbeat."""
    from dagster._daemon.controller import get_daemon_statuses

    statuses = get_daemon_statuses(instance, ["BACKFILL"], heartbeat_tolerance_seconds=_HEARTBEAT_IS_OLD_S)
    return bool(statuses["BACKFILL"].healthy)


def _assets_from(first_asset: str) -> Sequence[str]:
    together = {
        REJECTED_POSTS.name: RAW_POSTS.name,
        POST_ENTITIES.name: POST_SCORES.name,
        EMOTIONAL_JOURNEYS.name: CUSTOMER_PROFILES.name,
    }
    return ASSETS[ASSETS.index(together.get(first_asset, first_asset)) :]


def _launch(jobs: InProcess, hours: Sequence[str], assets: Sequence[str]) -> str:
    from dagster import AssetKey
    from dagster._core.execution.backfill import PartitionBackfill
    from dagster._core.utils import make_new_backfill_id

    backfill_id = make_new_backfill_id()
    jobs.instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id=backfill_id,
            asset_graph=jobs.definitions.get_repository_def().asset_graph,
            partition_names=list(hours),
            asset_selection=[AssetKey(name) for name in assets],
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=jobs.instance,
            all_partitions=False,
            title=_TITLE,
            description=None,
            run_config=None,
        )
    )
    return backfill_id


def _execute(jobs: InProcess, hours: Sequence[str], assets: Sequence[str]) -> str:
    from dagster._core.utils import make_new_backfill_id

    backfill_id = make_new_backfill_id()
    for first, last in _consecutive(hours):
        jobs.replay_hours(first, last, assets, {"dagster/backfill": backfill_id})
    return backfill_id


def _consecutive(hours: Sequence[str]) -> Iterator[tuple[str, str]]:
    """First and last of each stretch of consecutive hours: a Dagster run takes one range."""
    times = [datetime.strptime(hour, HOUR_FORMAT) for hour in hours]
    for _, stretch in groupby(enumerate(times), lambda each: each[1] - each[0] * timedelta(hours=1)):
        members = [moment.strftime(HOUR_FORMAT) for _, moment in stretch]
        yield members[0], members[-1]
