"""A candidate serves if the decisions that were made show it to be better; else it is refused, with the numbers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.bandits import candidate_evaluation
from alphaads_pipelines.bandits.candidate_evaluation import best_candidate, evaluate_all, evaluate_candidate, promote
from alphaads_pipelines.bandits.decision_log import closed_decisions, log_of
from alphaads_pipelines.bandits.policy_roles import Canary, Pin, Roles
from alphaads_pipelines.bandits.policy_store import Policies, change_roles, read_policies, read_roles
from alphaads_pipelines.bandits.promotion import Rule
from alphaads_pipelines.bandits.random import RandomPolicy
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.errors import InvalidRequest, NotFound, QualityRefused
from alphaads_pipelines.stores.sql.relational import connect, reading, sql_table, transaction
from tests.bandits.worlds import ARMS, BEGIN, CLICKS, NOW, decide, keep, who_has_it_wrong, who_knows

BEST = float(CLICKS.max(axis=1).mean())


@pytest.fixture(scope="module")
def logged(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight days of decisions by a policy without contexts, and two candidates taught before."""
    path = tmp_path_factory.mktemp("logged") / "logged.db"
    shutil.copy(migrated_sqlite, path)
    engine = connect(f"sqlite:///{path}")
    decide(engine)
    keep(engine, who_knows())
    keep(engine, who_has_it_wrong())
    engine.dispose()
    return path


@pytest.fixture
def engine(logged: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copy(logged, tmp_path / "logged.db")
    built = connect(f"sqlite:///{tmp_path / 'logged.db'}")
    yield built
    built.dispose()


@pytest.fixture
def empty(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Engine]:
    shutil.copy(migrated_sqlite, tmp_path / "empty.db")
    built = connect(f"sqlite:///{tmp_path / 'empty.db'}")
    yield built
    built.dispose()


def test_a_planted_better_policy_is_promoted_and_the_numbers_are_kept(engine: Engine) -> None:
    told, roles = promote(engine, "linear_thompson", "cli:ann", NOW)
    assert told.evaluation is not None
    earned = told.evaluation.diagnostics.on_policy.value
    assert told.evaluation.estimates["dr"].low > earned + 0.03
    assert told.evaluation.estimates["dr"].low < BEST
    assert (told.records, told.incumbent, told.reasons) == (6_000, "thompson", [])
    assert roles.serving == Pin("linear_thompson")
    [change] = read_roles(engine)[1].history
    assert (change.what, change.by) == ("promote linear_thompson", "cli:ann")
    assert change.figures["low"] == told.low > change.figures["incumbent_earned"]


def test_a_planted_worse_policy_is_refused_with_the_numbers(engine: Engine) -> None:
    told = evaluate_candidate(engine, "linucb", NOW).report
    assert told.evaluation is not None
    low, earned = told.low, told.evaluation.diagnostics.on_policy.value
    with pytest.raises(QualityRefused, match=rf"of dr, {low:.5f}, does not beat the incumbent's {earned:.5f}"):
        promote(engine, "linucb", "a", NOW)
    assert read_roles(engine) == (0, Roles())


@pytest.mark.parametrize("told", [0.5, 0.8])
def test_broken_propensities_are_refused_by_diagnosis(empty: Engine, told: float) -> None:
    decide(empty, told=told)
    keep(empty, who_knows())
    judged = evaluate_candidate(empty, "linear_thompson", NOW).report
    assert judged.evaluation is not None
    assert judged.low > judged.evaluation.diagnostics.on_policy.value, "by its estimate alone it would serve"
    with pytest.raises(QualityRefused, match=r"weights have the mean .* where 1 is due.*arms were not drawn as often"):
        promote(empty, "linear_thompson", "a", NOW)


def test_too_few_decisions_say_nothing(empty: Engine) -> None:
    keep(empty, who_knows())
    with pytest.raises(QualityRefused, match=r"0 closed decisions of thompson came after that version, 50 are needed"):
        promote(empty, "linear_thompson", "a", NOW)
    decide(empty, 300)
    with pytest.raises(QualityRefused, match=r"effective samples, 500 are needed"):
        promote(empty, "linear_thompson", "a", NOW)


def test_a_version_is_judged_on_nothing_that_it_learned_from(engine: Engine) -> None:
    middle = BEGIN + timedelta(days=4)
    newer = keep(engine, who_knows(), middle)
    keep(engine, who_knows(), NOW)
    told = evaluate_candidate(engine, "linear_thompson", NOW).report
    assert (told.version, told.taught_at) != (newer, middle.isoformat()), "it would leave less than half"
    earlier = keep(engine, who_knows(), middle - timedelta(hours=2))
    chosen = evaluate_candidate(engine, "linear_thompson", NOW, version=earlier).report
    assert chosen.since is not None
    assert datetime.fromisoformat(chosen.since) > middle - timedelta(hours=1)
    assert 2_900 < chosen.records < 3_100


def test_of_the_versions_the_newest_that_leaves_enough_is_judged(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [keep(engine, who_knows(100), BEGIN + timedelta(days=day)) for day in range(8)]
    monkeypatch.setattr(candidate_evaluation, "WANTED", 1_000)
    told = evaluate_candidate(engine, "linear_thompson", NOW).report
    assert told.version == numbers[6]
    assert 1_000 <= told.records < 1_500


def test_a_policy_that_was_never_taught_is_judged_as_it_is(engine: Engine) -> None:
    told = evaluate_candidate(engine, "random", NOW).report
    assert (told.version, told.taught_at, told.records) == (0, None, 6_000)
    assert told.evaluation is not None
    estimate, truth = told.evaluation.estimates["dr"], float(CLICKS.mean())
    assert estimate.low < truth < estimate.high
    assert not told.is_better


def test_what_a_canary_and_what_another_policy_decided_is_another_log(engine: Engine) -> None:
    decide(engine, 200, role="canary", seed=8)
    decide(engine, 200, policy=RandomPolicy(), seed=9)
    assert evaluate_candidate(engine, "linear_thompson", NOW).report.records == 6_000


def test_only_closed_decisions_that_were_shown_count(empty: Engine) -> None:
    decide(empty, 400, end=NOW)
    with reading(empty) as connection:
        rows = closed_decisions(connection, "thompson", NOW, 10_000)
        assert all(row.decided_at < NOW - timedelta(hours=24) for row in rows)
        assert 355 < len(rows) < 365
        assert len(closed_decisions(connection, "thompson", NOW, 7)) == 7
    table = sql_table("ad_decisions")
    with transaction(empty) as connection:
        some = [row[0] for row in connection.execute(sa.select(table.c.decision_id).limit(100))]
        unheard = {"impression_at": None, "click_at": None}
        connection.execute(table.update().where(table.c.decision_id.in_(some[:50])).values(unheard))
        connection.execute(table.update().where(table.c.decision_id.in_(some[50:])).values(propensity=0.0))
    with reading(empty) as connection:
        left = closed_decisions(connection, "thompson", NOW, 10_000)
    assert len(rows) - 100 <= len(left) < len(rows) - 80


def test_a_log_holds_what_was_eligible_and_what_came_of_it(engine: Engine) -> None:
    table = sql_table("ad_decisions")
    with transaction(engine) as connection:
        connection.execute(table.update().where(table.c.arm_id == "a").values(eligible=["a", "z"]))
    with reading(engine) as connection:
        rows = closed_decisions(connection, "thompson", NOW, 500)
    log = log_of(rows)
    assert log.arms == (*ARMS, "z")
    assert log.eligible is not None
    for number, row in enumerate(rows):
        assert log.arms[log.chosen[number]] == row.arm_id
        assert {arm for arm, may in zip(log.arms, log.eligible[number], strict=True) if may} == set(row.eligible)
        assert log.rewards[number] == (row.click_at is not None)
    assert np.isclose(log.propensities, [row.propensity for row in rows]).all()


def test_who_serves_cannot_be_promoted_and_a_version_that_is_gone_cannot_be_judged(engine: Engine) -> None:
    with pytest.raises(InvalidRequest, match="serves already"):
        promote(engine, "thompson", "a", NOW)
    with pytest.raises(NotFound):
        evaluate_candidate(engine, "linear_thompson", NOW, version=99)


def test_the_best_of_all_that_are_better_is_named(engine: Engine) -> None:
    judged = evaluate_all(engine, ["thompson", "linucb", "linear_thompson", "linucb"], NOW)
    assert {name: each.is_better for name, each in judged.items()} == {"linucb": False, "linear_thompson": True}
    assert best_candidate(judged) == "linear_thompson"
    assert best_candidate({"linucb": judged["linucb"]}) is None


def test_a_margin_is_asked_for_by_the_rule(engine: Engine) -> None:
    assert evaluate_candidate(engine, "linear_thompson", NOW).report.is_better
    assert not evaluate_candidate(engine, "linear_thompson", NOW, Rule(margin=0.2)).report.is_better


def test_a_rollback_takes_effect_in_the_next_answer(engine: Engine) -> None:
    def held(policies: Policies) -> Policies:
        with reading(engine) as connection:
            return read_policies(connection, policies)

    keep(engine, ThompsonPolicy())
    before = held(Policies())
    change_roles(engine, lambda roles: roles.set_canary(Canary("linucb", 0.1), "a", NOW, {}), NOW)
    promote(engine, "linear_thompson", "a", NOW)
    promoted = held(before)
    assert (promoted.serving.policy.name, promoted.canary is None) == ("linear_thompson", False)
    change_roles(engine, lambda roles: roles.roll_back("a", NOW), NOW)
    back = held(promoted)
    assert (back.serving.policy.name, back.serving.version, back.canary) == ("thompson", before.serving.version, None)
