"""Blocking checks: rows that break their table's contract are not written, and nothing of their batch is published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from dagster import AssetCheckKey, AssetKey, DagsterRunStatus
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from alphaads_pipelines.creatives.creative_store import current_creatives
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.ingest.batch_reader import BatchReader
from alphaads_pipelines.nlp import rows
from alphaads_pipelines.pipeline.learning import LEARNER
from alphaads_pipelines.profiles import fold
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.schema.columns import Table
from alphaads_pipelines.schema.tables import (
    AD_CREATIVES,
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    POST_ENTITIES,
    POST_SCORES,
    RAW_POSTS,
    REJECTED_POSTS,
)
from alphaads_pipelines.stores.sql.documents import read_document
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring
from tests.planning import due, take_in

Damage = Callable[[pl.DataFrame], pl.DataFrame]


def _flip(column: str, type_: type[pl.DataType]) -> Damage:
    return lambda frame: frame.with_columns(pl.col(column).cast(type_))


def _empty(column: str) -> Damage:
    return lambda frame: frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise(pl.col(column)).alias(column)
    )


def _label(column: str) -> Damage:
    return lambda frame: frame.with_columns(pl.lit("delighted").alias(column))


DAMAGES: list[tuple[Table, Damage, str]] = [
    (RAW_POSTS, _flip("version", pl.Int64), "version: Int64 instead of Int32"),
    (RAW_POSTS, _empty("subject_id"), "subject_id: 1 nulls"),
    (REJECTED_POSTS, _empty("reason"), "reason: 1 nulls"),
    (POST_SCORES, _flip("sentiment_positive", pl.String), "sentiment_positive: String instead of Float64"),
    (POST_SCORES, _label("sentiment"), "sentiment: 60 unknown labels"),
    (POST_ENTITIES, _flip("start_char", pl.Int64), "start_char: Int64 instead of Int32"),
    (POST_ENTITIES, lambda frame: frame.drop("name_token"), "name_token: missing"),
    (CUSTOMER_PROFILES, lambda frame: frame.drop("state"), "state: missing"),
    (CUSTOMER_PROFILES, lambda frame: frame.with_columns(pl.lit("A").alias("name")), "name: not declared"),
    (EMOTIONAL_JOURNEYS, lambda frame: pl.concat([frame, frame.head(1)]), "1 doubled keys"),
]


def _break(monkeypatch: pytest.MonkeyPatch, table: Table, damage: Damage) -> None:
    """Let the code that makes the rows of `table` make them wrong."""
    read, fold_profiles = BatchReader.read, fold.fold_profiles
    score_rows, entity_rows = rows.score_rows, rows.entity_rows

    def accepted(self: BatchReader, batch: Any) -> Any:
        made = read(self, batch)
        field = "raw" if table is RAW_POSTS else "rejected"
        return replace(made, **{field: damage(getattr(made, field))})

    def folded(*arguments: Any) -> Any:
        profiles, journeys = fold_profiles(*arguments)
        return (damage(profiles), journeys) if table is CUSTOMER_PROFILES else (profiles, damage(journeys))

    if table in (RAW_POSTS, REJECTED_POSTS):
        monkeypatch.setattr(BatchReader, "read", accepted)
    elif table is POST_SCORES:
        monkeypatch.setattr(rows, "score_rows", lambda *arguments: damage(score_rows(*arguments)))
    elif table is POST_ENTITIES:
        monkeypatch.setattr(rows, "entity_rows", lambda *arguments: damage(entity_rows(*arguments)))
    else:
        monkeypatch.setattr(fold, "fold_profiles", folded)


def _published_rows(wiring: Wiring) -> int:
    with reading(wiring.engine) as connection:
        return sum(len(connection.execute(sql_table(name).select()).all()) for name in ("published", "live_profiles"))


def _latest_check(jobs: InProcess, table: Table) -> Any:
    key = AssetCheckKey(AssetKey(table.name), "schema")
    [record] = jobs.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    return record


@pytest.mark.parametrize(
    ("table", "damage", "problem"), DAMAGES, ids=[f"{each[0].name}: {each[2]}" for each in DAMAGES]
)
def test_a_wrong_column_fails_the_check_and_publishes_nothing(
    jobs: InProcess, monkeypatch: pytest.MonkeyPatch, table: Table, damage: Damage, problem: str
) -> None:
    wiring = jobs.wiring
    take_in(wiring, 60, broken=3)
    _break(monkeypatch, table, damage)
    [batch] = due(wiring)
    after = jobs.batch(batch)

    assert (after.state, after.attempt, after.failures, after.error) == ("planned", 2, 1, "schema_mismatch")
    assert wiring.lake.version(table) is None
    assert _published_rows(wiring) == 0
    assert wiring.ledger.complete_until() is None
    record = _latest_check(jobs, table)
    assert record.status is AssetCheckExecutionRecordStatus.FAILED
    assert problem in str(record.event.dagster_event.event_specific_data.metadata["problems"].value)
    [run] = jobs.instance.get_runs()
    assert run.status is DagsterRunStatus.FAILURE


def test_once_the_code_is_mended_the_next_attempt_publishes(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    wiring = jobs.wiring
    take_in(wiring, 60, broken=3)
    with monkeypatch.context() as broken:
        _break(broken, POST_SCORES, _empty("tier"))
        [batch] = due(wiring)
        jobs.batch(batch)
    run_until_idle(wiring)
    mended = wiring.ledger.get(batch.seq)
    assert (mended.state, mended.attempt, mended.failures, mended.error) == ("committed", 2, 0, None)
    assert _latest_check(jobs, POST_SCORES).status is AssetCheckExecutionRecordStatus.SUCCEEDED
    assert _published_rows(wiring) > 0


def test_wrong_creatives_fail_their_check_and_are_not_served(jobs: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    write = type(jobs.wiring.lake).replace_all
    wrong = _empty("headline")
    monkeypatch.setattr(
        type(jobs.wiring.lake), "replace_all", lambda self, table, rows: write(self, table, wrong(rows))
    )
    with pytest.raises(StoreUnavailable, match="could not be written"):
        jobs.advertising()
    assert _latest_check(jobs, AD_CREATIVES).status is AssetCheckExecutionRecordStatus.FAILED
    with reading(jobs.wiring.engine) as connection:
        assert current_creatives(connection) == {}
    assert read_document(jobs.wiring.engine, LEARNER) == (0, {})
