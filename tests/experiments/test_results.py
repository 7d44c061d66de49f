"""Results of experiments on decisions: each person counts once, in one variant, since the last change of shares."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.experiments.result import Action, Kind, Metric, Plan, Result, Verdict
from alphaads_pipelines.experiments.results import (
    NOBODY_YET,
    NOT_STARTED,
    Units,
    evaluate,
    observe,
    read_units,
)
from alphaads_pipelines.experiments.store import StoredExperiment, change_shares, create_experiment, stop_experiment
from alphaads_pipelines.pipeline.ad_records import decision_row
from alphaads_pipelines.pipeline.learning import Teaching
from alphaads_pipelines.rights.erasure.relational import delete_subject
from alphaads_pipelines.stores.ad_decisions import add_decisions
from alphaads_pipelines.stores.sql.relational import connect, transaction
from alphaads_pipelines.stores.subjects.restrictions import restrict
from tests.decisions.experiments import HALVES, arms_of, ran, started
from tests.pipeline.loop import DECISIONS, EVENTS, NOON, Loop, decision, later, loop_at, of_event
from tests.stores.subjects.people import make_subjects

pytestmark = pytest.mark.integration
KEEP = timedelta(days=90)
CLICKED = Plan(Metric("clicked"))


@pytest.fixture
def anywhere(engine: Engine, tmp_path: Path) -> Iterator[Loop]:
    """On SQLite and on PostgreSQL."""
    loop = loop_at(tmp_path, engine)
    loop.teaching = Teaching(("thompson",))
    yield loop
    loop.stream.close()


@pytest.fixture
def ads(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Loop]:
    """On SQLite alone."""
    shutil.copy(migrated_sqlite, tmp_path / "alphaads.db")
    engine = connect(f"sqlite:///{tmp_path / 'alphaads.db'}")
    loop = loop_at(tmp_path, engine)
    loop.teaching = Teaching(("thompson",))
    yield loop
    loop.stream.close()
    engine.dispose()


def units_of(loop: Loop, experiment: StoredExperiment, **since: float) -> Units:
    return read_units(loop.engine, experiment, now=later(**since or {"days": 5}), keep=KEEP)


def result_of(loop: Loop, experiment: StoredExperiment, plan: Plan = CLICKED) -> Result:
    found = evaluate(experiment, units_of(loop, experiment), plan)
    assert isinstance(found, Result)
    return found


def tell(loop: Loop, experiment: StoredExperiment, *rows: tuple[str, str, str, float]) -> None:
    """Decisions (key, subject, arm, hours after NOON)."""
    for key, subject, arm, hours in rows:
        more = {"subject_id": subject, "experiments": {experiment.experiment_id: arm}}
        loop.tell(DECISIONS, decision(key, at=later(hours=hours), **more))


def places(units: Units) -> list[str]:
    return [units.names[arm] for arm in units.arms]


def test_a_better_arm_is_shipped_and_everybody_counts_once(ads: Loop) -> None:
    experiment = started(ads.engine, NOON)
    subjects = ran(ads, experiment, {"control": 0.2, "linear": 0.4}, 1_500, begin=NOON)
    result = result_of(ads, experiment)
    assert (result.decision.action, result.decision.arm) == (Action.SHIP, "linear")
    assert (result.units, result.sample_ratio.is_passed, result.control) == (1_500, True, "control")
    split = list(arms_of(experiment, subjects).values())
    assert {arm.name: arm.units for arm in result.arms} == {each: split.count(each) for each in ("control", "linear")}
    [goal] = result.comparisons
    assert goal.arm_value == pytest.approx(0.4, abs=0.05)
    assert goal.control_value == pytest.approx(0.2, abs=0.05)
    assert 150 <= len(goal.looks) <= 200
    assert units_of(ads, experiment).decisions == 3_000


def test_arms_that_are_alike_are_not_told_apart(ads: Loop) -> None:
    experiment = started(ads.engine, NOON)
    ran(ads, experiment, {"control": 0.3, "linear": 0.3}, 1_200, begin=NOON)
    rail = Metric("seen", margin=0.9)
    result = result_of(ads, experiment, Plan(Metric("clicked"), (rail,)))
    assert [each.verdict for each in result.comparisons] == [Verdict.OPEN, Verdict.PASSED]
    assert (result.decision.action, result.decision.arm) == (Action.CONTINUE, None)


def _placed(experiment: StoredExperiment, people: Sequence[str], arm: str) -> list[dict[str, object]]:
    rows = []
    for number, subject in enumerate(people):
        more = {"subject_id": subject, "experiments": {experiment.experiment_id: arm}}
        record = decision(f"{arm}-{number}", at=later(seconds=number), **more)
        row = decision_row(msgspec.json.encode(record))
        assert row is not None
        rows.append(row)
    return rows


@pytest.mark.parametrize(("control", "is_sound"), [(5_200, False), (5_000, True)])
def test_ten_thousand_people_split_52_to_48_stop_it(ads: Loop, control: int, *, is_sound: bool) -> None:
    experiment = started(ads.engine, NOON)
    people = [f"{number:032x}" for number in range(10_000)]
    rows = _placed(experiment, people[:control], "control") + _placed(experiment, people[control:], "linear")
    with transaction(ads.engine) as connection:
        add_decisions(connection, rows, {})
    result = result_of(ads, experiment)
    assert (result.units, result.sample_ratio.is_passed) == (10_000, is_sound)
    assert (result.decision.action is Action.STOP) is not is_sound


def test_first_arms_count_outcomes_of_any_decision_and_who_moved_is_told(anywhere: Loop) -> None:
    experiment = started(anywhere.engine, NOON)
    ann, ben, cat = make_subjects(anywhere.engine, "x", "x", "x")
    tell(anywhere, experiment, ("1", ann, "linear", 1), ("2", ann, "linear", 2), ("3", ann, "control", 3))
    tell(anywhere, experiment, ("4", ben, "control", 0.5), ("5", cat, "else", 1), ("6", cat, "control", 4))
    anywhere.tell(DECISIONS, decision("7", at=later(hours=1), subject_id=cat, experiments={"another": "control"}))
    anywhere.tell(DECISIONS, decision("8", at=later(hours=1), experiments={experiment.experiment_id: "control"}))
    anywhere.tell(EVENTS, of_event("2", "click", later(hours=2)), of_event("3", "click", later(hours=4)))
    anywhere.tell(EVENTS, of_event("4", "conversion", later(hours=0.4)), of_event("6", at=later(hours=5)))
    anywhere.learn(later(hours=6))
    units = units_of(anywhere, experiment)
    assert units.subjects == (ben, ann, cat)
    assert (places(units), units.moved, units.decisions) == (["control", "linear", "control"], 1, 5)
    hours = {name: list((at - NOON.timestamp()) / 3_600) for name, at in units.outcomes.items()}
    never = float("inf")
    assert hours["clicked"] == [never, 2, never]
    assert hours["seen"] == [never, 2, 5]
    assert hours["converted"] == [0.5, never, never], "a clock that is behind puts nothing before the decision"
    metrics = [Metric(name) for name in ("clicked", "seen")]
    known = observe(units, metrics)
    assert known.looks == tuple(later(hours=each).isoformat() for each in (0.5, 1, 2, 4, 5))
    assert known.units.tolist() == [[1, 0], [1, 1], [1, 1], [2, 1], [2, 1]]
    assert known.rates["seen"].tolist() == [[0, 0], [0, 0], [0, 1], [0, 1], [1, 1]]


def test_of_another_tenant_nothing_is_read_and_of_those_who_are_gone_or_restricted_neither(anywhere: Loop) -> None:
    experiment = started(anywhere.engine, NOON)
    ann, ben, cat = make_subjects(anywhere.engine, "x", "x", "x")
    tell(anywhere, experiment, ("1", ann, "linear", 1), ("2", ben, "control", 1), ("3", cat, "control", 2))
    foreign = {"subject_id": cat, "tenant": "other", "experiments": {experiment.experiment_id: "linear"}}
    anywhere.tell(DECISIONS, decision("4", at=later(minutes=5), **foreign))
    anywhere.learn(later(hours=3))
    assert sorted(units_of(anywhere, experiment).subjects) == [ann, ben, cat]
    assert places(units_of(anywhere, experiment)).count("linear") == 1
    with transaction(anywhere.engine) as connection:
        delete_subject(connection, ann)
    restrict(anywhere.engine, ben, "claims", NOON)
    assert units_of(anywhere, experiment).subjects == (cat,)


def test_counts_begin_when_people_were_split_as_they_are(ads: Loop) -> None:
    experiment = started(ads.engine, NOON)
    ann, ben = make_subjects(ads.engine, "x", "x")
    tell(ads, experiment, ("1", ann, "control", 1), ("2", ann, "linear", 30), ("3", ben, "control", 25))
    ads.learn(later(hours=31))
    same = change_shares(ads.engine, "acme", experiment.experiment_id, HALVES.shares, later(hours=24))
    assert same == experiment
    shares = {"control": 1_000, "linear": 9_000}
    changed = change_shares(ads.engine, "acme", experiment.experiment_id, shares, later(hours=24))
    assert (changed.allocated_at, changed.started_at) == (later(hours=24), NOON)
    units = units_of(ads, changed)
    assert (places(units), units.moved) == (["control", "linear"], 0)
    assert units.since == later(hours=24, seconds=5)
    assert {arm.name: arm.share for arm in result_of(ads, changed).arms} == {"control": 0.1, "linear": 0.9}
    assert units_of(ads, changed, days=100).since == later(days=10), "what is not kept is not counted"
    stopped = stop_experiment(ads.engine, "acme", experiment.experiment_id, later(hours=26))
    assert units_of(ads, stopped).subjects == (ben,)


def test_where_there_is_nothing_yet_it_is_said_why(ads: Loop) -> None:
    drafted = create_experiment(ads.engine, "acme", HALVES, policies=["linucb"], now=NOON)
    assert evaluate(drafted, units_of(ads, drafted), CLICKED) == NOT_STARTED
    experiment = started(ads.engine, NOON)
    assert evaluate(experiment, units_of(ads, experiment), CLICKED) == NOBODY_YET
    [ann] = make_subjects(ads.engine, "x")
    tell(ads, experiment, ("1", ann, "linear", 1))
    ads.learn(later(hours=2))
    assert result_of(ads, experiment).decision.action is Action.CONTINUE


def test_control_is_the_arm_that_changes_nothing_unless_one_is_named(ads: Loop) -> None:
    treatments = {"control": "linucb", "plain": None}
    new = msgspec.structs.replace(HALVES, shares=dict.fromkeys(treatments, 5_000), treatments=treatments)
    experiment = started(ads.engine, NOON, new=new)
    ran(ads, experiment, dict.fromkeys(treatments, 0.5), 20, begin=NOON)
    units = units_of(ads, experiment)
    for named, control in ((None, "plain"), ("control", "control")):
        found = evaluate(experiment, units, CLICKED, named)
        assert isinstance(found, Result)
        assert found.control == control
    with pytest.raises(InvalidRequest, match="must name an arm"):
        evaluate(experiment, units, CLICKED, "else")
    for wrong in (Metric("spent"), Metric("clicked", Kind.MEAN)):
        with pytest.raises(InvalidRequest, match="seen, clicked, converted"):
            evaluate(experiment, units, Plan(wrong))
    both = msgspec.structs.replace(experiment, treatments=dict.fromkeys(("a", "b"), "linucb"))
    arms = msgspec.structs.replace(both, allocation=type(both.allocation)().with_shares({"a": 1, "b": 1}))
    with pytest.raises(InvalidRequest, match="name the arm"):
        evaluate(arms, units, CLICKED)
