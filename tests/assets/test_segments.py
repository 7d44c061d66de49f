"""The daily fit of segments, through Dagster, over live profiles."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from dagster import AssetKey, ExecuteInProcessResult

from alphaads_pipelines.errors import StoreUnavailable, WriteConflict
from alphaads_pipelines.pipeline.segments import read_segments, refresh_segments
from alphaads_pipelines.profiles.segments import DOCUMENT, segment_of
from alphaads_pipelines.profiles.state import ProfileState, decode, encode
from alphaads_pipelines.runtime.in_process import InProcess
from alphaads_pipelines.stores.sql.documents import publish_document, read_document
from alphaads_pipelines.stores.sql.relational import insert_ignore, sql_table, transaction, upsert
from alphaads_pipelines.wiring.app import Wiring
from resources import names
from tests.profiles.states import person

NOW = datetime(2026, 11, 25, tzinfo=UTC)
NIGHT, EVENING = (range(0, 6), "joy"), (range(18, 24), "anger")


def _live(wiring: Wiring, group: tuple[range, str], size: int, first: int = 0, seed: int = 1) -> list[str]:
    """Put people with such a behaviour among the live profiles; their ids."""
    dice = np.random.default_rng(seed)
    ids = [f"{number:032x}" for number in range(first, first + size)]
    rows = [{"subject_id": each, "shard": 0, "publish_seq": 1, "state": encode(person(dice, *group))} for each in ids]
    with transaction(wiring.engine) as connection:
        upsert(connection, "live_profiles", rows)
    return ids


def _states(wiring: Wiring, ids: Iterable[str]) -> list[ProfileState]:
    profiles = sql_table("live_profiles")
    with transaction(wiring.engine) as connection:
        rows = connection.execute(sa.select(profiles.c.state).where(profiles.c.subject_id.in_(list(ids)))).all()
    return [decode(bytes(row.state)) for row in rows]


def _run(jobs: InProcess) -> ExecuteInProcessResult:
    definition = jobs.definitions.get_repository_def().get_job(names.SEGMENTS)
    return definition.execute_in_process(instance=jobs.instance, raise_on_error=False)


def _shown(jobs: InProcess) -> dict[str, Any]:
    event = jobs.instance.get_latest_materialization_event(AssetKey("behavioural_segments"))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def _segments_of(wiring: Wiring, ids: Iterable[str]) -> set[str | None]:
    segmentation = read_segments(wiring.engine)
    return {segment_of(state, segmentation) for state in _states(wiring, ids)}


def test_segments_are_fitted_published_and_pictured(jobs: InProcess) -> None:
    at_night, in_the_evening = _live(jobs.wiring, NIGHT, 20), _live(jobs.wiring, EVENING, 15, first=100, seed=2)
    assert _run(jobs).success
    assert [len(_segments_of(jobs.wiring, ids)) for ids in (at_night, in_the_evening)] == [1, 1]
    assert _segments_of(jobs.wiring, [*at_night, *in_the_evening]) == {"s1", "s2"}
    shown = _shown(jobs)
    assert (shown["people"], shown["published_version"], shown["new"], shown["gone"]) == (35, 1, "s1, s2", "none")
    assert sorted(re.findall(r"\| s\d \| (\d+) \|", shown["segments"])) == ["15", "20"]
    [encoded] = re.findall(r"base64,([^)]+)\)", shown["journeys"])
    assert base64.b64decode(encoded).startswith(b"\x89PNG")
    assert _run(jobs).success
    assert (_shown(jobs)["published_version"], _shown(jobs)["new"]) == (2, "none")


def test_what_is_published_and_shown_names_nobody(jobs: InProcess) -> None:
    ids = _live(jobs.wiring, NIGHT, 12)
    assert _run(jobs).success
    told = json.dumps(read_document(jobs.wiring.engine, DOCUMENT)[1]) + json.dumps(_shown(jobs))
    logged = " ".join(
        str(each) for each in jobs.instance.all_logs(jobs.instance.get_run_records()[0].dagster_run.run_id)
    )
    assert not [each for each in ids if each in told + logged]


def test_who_objected_or_is_restricted_is_not_looked_at(jobs: InProcess) -> None:
    ids = _live(jobs.wiring, NIGHT, 12)
    said = {"purpose": "analytics", "is_granted": False, "source": "api", "evidence": "form-1", "recorded_at": NOW}
    with transaction(jobs.wiring.engine) as connection:
        connection.execute(sql_table("consent_events").insert().values(subject_id=ids[0], **said))
        restricted = {"subject_id": ids[1], "reason": "accuracy", "restricted_at": NOW}
        insert_ignore(connection, "restrictions", [restricted])
    assert _run(jobs).success
    assert _shown(jobs)["people"] == 10
    with transaction(jobs.wiring.engine) as connection:
        insert_ignore(connection, "restrictions", [{**restricted, "subject_id": ids[2]}])
    assert _run(jobs).success
    assert (_shown(jobs)["people"], _shown(jobs)["gone"]) == (9, "s1"), "nine are no group"
    assert read_segments(jobs.wiring.engine).segments == []


def test_an_empty_installation_has_no_segments_and_says_so(jobs: InProcess) -> None:
    assert _run(jobs).success
    assert (_shown(jobs)["people"], read_segments(jobs.wiring.engine).segments) == (0, [])


def test_a_fit_that_cannot_be_noted_publishes_nothing(jobs: InProcess) -> None:
    _live(jobs.wiring, NIGHT, 12)
    folder = jobs.wiring.settings.audit_path
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"this is no folder")
    assert not _run(jobs).success
    assert read_document(jobs.wiring.engine, DOCUMENT) == (0, {})


def test_everybody_who_was_looked_at_is_noted_and_nobody_else(wiring: Wiring) -> None:
    ids = _live(wiring, NIGHT, 11)
    noted: list[str] = []
    refresh_segments(wiring.engine, NOW, left_out=lambda connection: set(ids[:1]), note=noted.extend)
    assert noted == ids[1:]


def test_of_two_fits_at_once_one_is_refused(wiring: Wiring) -> None:
    _live(wiring, NIGHT, 11)

    def meanwhile(_: object) -> None:
        publish_document(wiring.engine, DOCUMENT, {"next_number": 7}, NOW)

    with pytest.raises(WriteConflict):
        refresh_segments(wiring.engine, NOW, left_out=lambda connection: (), note=meanwhile)
    assert read_document(wiring.engine, DOCUMENT) == (1, {"next_number": 7})


def test_an_outage_of_the_note_reaches_the_caller(wiring: Wiring) -> None:
    def refuse(_: object) -> None:
        raise StoreUnavailable("the audit log cannot be written")

    with pytest.raises(StoreUnavailable):
        refresh_segments(wiring.engine, NOW, left_out=lambda connection: (), note=refuse)


def test_the_sample_is_bounded_and_read_page_by_page(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = _live(wiring, NIGHT, 25)
    monkeypatch.setattr("alphaads_pipelines.pipeline.segments._PAGE", 4)
    monkeypatch.setattr("alphaads_pipelines.pipeline.segments.MOST_PEOPLE", 14)
    done = refresh_segments(wiring.engine, NOW, left_out=lambda connection: set(ids[1:3]), note=lambda subjects: None)
    assert done.people == 14
    assert sum(done.fit.sizes.values()) == 14
    assert done.journeys["people"].min() >= 10
