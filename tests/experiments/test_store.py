"""Experiments on SQLite and PostgreSQL: drafts, start, changed shares, stop, scoped by tenant."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.store import create_campaign
from alphaads_pipelines.errors import InvalidRequest, NotFound
from alphaads_pipelines.experiments.assignment import Assigner
from alphaads_pipelines.experiments.store import (
    MOST_RUNNING,
    NewExperiment,
    StoredExperiment,
    change_shares,
    create_experiment,
    list_experiments,
    read_experiment,
    running_experiments,
    start_experiment,
    stop_experiment,
)
from alphaads_pipelines.stores.sql.relational import reading
from tests.campaigns.test_campaign import NOON, campaign
from tests.campaigns.test_store import edits
from tests.concurrency import at_once

pytestmark = pytest.mark.integration
POLICIES = ("thompson", "linucb")
HALVES = NewExperiment(
    name="Context", shares={"control": 5_000, "linear": 5_000}, treatments={"control": None, "linear": "linucb"}
)


def create(engine: Engine, tenant: str = "acme", **changes: Any) -> StoredExperiment:
    new = msgspec.structs.replace(HALVES, **changes)
    return create_experiment(engine, tenant, new, policies=POLICIES, now=NOON)


def start(engine: Engine, experiment: StoredExperiment) -> StoredExperiment:
    return start_experiment(engine, experiment.tenant, experiment.experiment_id, NOON)


def test_an_experiment_is_drafted_started_and_stopped_once(engine: Engine) -> None:
    create_campaign(engine, campaign(), NOON)
    drafted = create(engine, campaign_id="k1", layer="ranking", layer_start=100, layer_stop=9_000)
    assert read_experiment(engine, "acme", drafted.experiment_id) == drafted
    assert (drafted.state, drafted.allocation.shares) == ("draft", dict(HALVES.shares))
    started = start(engine, drafted)
    assert (started.state, started.started_at, started.allocated_at) == ("running", NOON, NOON)
    assert start_experiment(engine, "acme", drafted.experiment_id, NOON + timedelta(days=1)) == started
    with reading(engine) as connection:
        assert running_experiments(connection) == [started]
    stopped = stop_experiment(engine, "acme", drafted.experiment_id, NOON + timedelta(days=2))
    assert (stopped.state, stopped.stopped_at) == ("stopped", NOON + timedelta(days=2))
    assert stop_experiment(engine, "acme", drafted.experiment_id, NOON + timedelta(days=3)) == stopped
    with pytest.raises(InvalidRequest, match="not started again"):
        start(engine, drafted)
    with pytest.raises(InvalidRequest, match="stay as they are"):
        change_shares(engine, "acme", drafted.experiment_id, {"control": 1}, NOON)
    assert read_experiment(engine, "acme", drafted.experiment_id) == stopped


def test_other_shares_move_as_few_units_as_is_possible(engine: Engine) -> None:
    drafted = create(engine, shares={"control": 1_000, "linear": 1_000})
    start(engine, drafted)
    grown = change_shares(engine, "acme", drafted.experiment_id, {"control": 1_000, "linear": 4_000}, NOON)
    assert grown.allocation.shares == {"control": 1_000, "linear": 4_000}
    salt = b"0123456789abcdef"
    before, after = (Assigner(salt, [each.assignment]) for each in (drafted, grown))
    for unit in map(str, range(300)):
        if (arm := before.arm(drafted.experiment_id, unit)) is not None:
            assert after.arm(drafted.experiment_id, unit) == arm
    assert read_experiment(engine, "acme", drafted.experiment_id) == grown
    later = change_shares(engine, "acme", drafted.experiment_id, {"control": 1_000}, NOON + timedelta(days=1))
    assert (later.started_at, later.allocated_at) == (NOON, NOON + timedelta(days=1))
    again = change_shares(engine, "acme", drafted.experiment_id, {"control": 1_000}, NOON + timedelta(days=2))
    assert again == later
    for wrong in ({"else": 10}, {"control": -1}, {"control": 10_001}):
        with pytest.raises(InvalidRequest, match="shares"):
            change_shares(engine, "acme", drafted.experiment_id, wrong, NOON)


def test_experiments_of_one_layer_share_no_slots(engine: Engine) -> None:
    first = create(engine, layer_stop=5_000)
    second = create(engine, layer_start=4_999)
    beside = create(engine, layer_start=5_000)
    elsewhere = create(engine, layer="other")
    theirs = create(engine, "other")
    for each in (first, beside, elsewhere, theirs):
        start(engine, each)
    with pytest.raises(InvalidRequest, match="same slots"):
        start(engine, second)
    stop_experiment(engine, "acme", first.experiment_id, NOON)
    stop_experiment(engine, "acme", beside.experiment_id, NOON)
    assert start(engine, second).state == "running"
    with reading(engine) as connection:
        assert {each.experiment_id for each in running_experiments(connection, "other")} == {theirs.experiment_id}
        Assigner(b"0123456789abcdef", [each.assignment for each in running_experiments(connection)])


def test_of_racing_starts_in_the_same_slots_one_runs(engine: Engine) -> None:
    drafts = [create(engine) for _ in range(4)]

    def begin(experiment: StoredExperiment) -> bool:
        try:
            start(engine, experiment)
        except InvalidRequest:
            return False
        return True

    assert at_once(*(lambda each=each: begin(each) for each in drafts)).count(True) == 1


def test_so_many_run_at_once_and_no_more(engine: Engine) -> None:
    drafts = [create(engine, layer_start=each, layer_stop=each + 1) for each in range(MOST_RUNNING + 1)]
    for each in drafts[:-1]:
        start(engine, each)
    with pytest.raises(InvalidRequest, match="run already"):
        start(engine, drafts[-1])


def test_another_tenants_experiment_is_not_found(engine: Engine) -> None:
    create_campaign(engine, campaign(tenant="other"), NOON)
    mine = create(engine)
    calls: list[Callable[[], Any]] = [
        lambda: create(engine, campaign_id="k1"),
        lambda: read_experiment(engine, "other", mine.experiment_id),
        lambda: start_experiment(engine, "other", mine.experiment_id, NOON),
        lambda: stop_experiment(engine, "other", mine.experiment_id, NOON),
        lambda: change_shares(engine, "other", mine.experiment_id, {"control": 1}, NOON),
    ]
    before = edits(engine)
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert edits(engine) == before
    assert list_experiments(engine, "other") == []


def test_experiments_are_listed_by_id_page_by_page(engine: Engine) -> None:
    made = sorted((create(engine) for _ in range(4)), key=lambda each: each.experiment_id)
    assert list_experiments(engine, "acme", limit=3) == made[:3]
    assert list_experiments(engine, "acme", after=made[2].experiment_id) == made[3:]
    started = start(engine, made[1])
    assert list_experiments(engine, "acme", state="running") == [started]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"name": " "}, "name must be"),
    ({"name": "x" * 201}, "name must be"),
    ({"name": "a\0"}, "name must be"),
    ({"layer": "a/b"}, "layer and arms must be named"),
    ({"shares": {"a b": 1, "c": 1}}, "layer and arms must be named"),
    ({"shares": {"control": 1}}, "2 to 20 arms"),
    ({"shares": {f"a{each}": 1 for each in range(21)}}, "2 to 20 arms"),
    ({"shares": {"control": 0, "linear": 1}}, "above 0"),
    ({"shares": {"control": 6_000, "linear": 6_000}}, "together at most"),
    ({"treatments": {"control": None}}, "treatments must name the arms"),
    ({"treatments": {"control": None, "linear": "magic"}}, "null or one of linucb, thompson"),
    ({"layer_start": 5, "layer_stop": 5}, "range within"),
    ({"layer_stop": 10_001}, "range within"),
]


@pytest.mark.parametrize(("changes", "told"), WRONG, ids=lambda each: str(each)[:40])
def test_what_cannot_be_run_is_told_when_it_is_drafted(engine: Engine, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        create(engine, **changes)
    assert list_experiments(engine, "acme") == []
