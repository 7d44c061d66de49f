"""The privacy budget is accounted exactly, whoever races."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.errors import BudgetSpent
from alphaads_pipelines.stores.privacy_budget import read_budget, released_answer, spend
from alphaads_pipelines.stores.sql.relational import reading, sql_table

NOVEMBER, DECEMBER = datetime(2026, 11, 30, 23, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
WHOLE = 1_000


def _spend(engine: Engine, digest: str, cost: int, *, tenant: str = "acme", now: datetime = NOVEMBER) -> dict[str, Any]:
    return spend(engine, tenant, digest, {"told": digest}, cost_milli=cost, whole_milli=WHOLE, now=now)


def _left(engine: Engine, tenant: str = "acme", now: datetime = NOVEMBER) -> int:
    return read_budget(engine, tenant, WHOLE, now).left_milli


def test_costs_add_up_to_the_thousandth(engine: Engine) -> None:
    for number in range(10):
        _spend(engine, f"q{number}", 100)
    assert _left(engine) == 0
    assert read_budget(engine, "acme", WHOLE, NOVEMBER).spent_milli == WHOLE


def test_what_would_exceed_is_refused_with_what_is_left_and_costs_nothing(engine: Engine) -> None:
    _spend(engine, "first", 700)
    with pytest.raises(BudgetSpent, match=r"costs epsilon 0\.301; of 1 in 2026-11 there is 0\.3 left"):
        _spend(engine, "second", 301)
    assert _left(engine) == 300
    assert released_answer(engine, "acme", "second") is None
    _spend(engine, "third", 300)


def test_the_same_question_is_answered_from_what_was_released(engine: Engine) -> None:
    _spend(engine, "q", 900)
    again = spend(engine, "acme", "q", {"told": "new noise"}, cost_milli=900, whole_milli=WHOLE, now=NOVEMBER)
    assert again == {"told": "q"} == released_answer(engine, "acme", "q")
    assert _left(engine) == 100


def test_a_budget_is_of_a_tenant_and_a_month(engine: Engine) -> None:
    _spend(engine, "q", WHOLE)
    assert _left(engine, "other") == WHOLE
    assert released_answer(engine, "other", "q") is None
    assert _left(engine, now=DECEMBER) == WHOLE
    assert released_answer(engine, "acme", "q") is not None, "what was released stays known"


def test_of_many_that_race_for_the_last_of_a_budget_as_many_win_as_it_is_worth(engine: Engine) -> None:
    _spend(engine, "before", 400)
    start, outcomes = threading.Barrier(6, timeout=300), list[str]()

    def race(number: int) -> None:
        start.wait()
        try:
            _spend(engine, f"race{number}", 200)
            outcomes.append("won")
        except BudgetSpent:
            outcomes.append("refused")

    _together(race)
    assert sorted(outcomes) == ["refused"] * 3 + ["won"] * 3
    assert _left(engine) == 0


def test_of_many_that_ask_the_same_at_once_all_get_one_answer_for_one_price(engine: Engine) -> None:
    start, told = threading.Barrier(6, timeout=300), list[str]()

    def ask(number: int) -> None:
        start.wait()
        mine = {"told": str(number)}
        answer = spend(engine, "acme", "q", mine, cost_milli=600, whole_milli=WHOLE, now=NOVEMBER)
        told.append(answer["told"])

    _together(ask)
    assert len(told) == 6
    assert len(set(told)) == 1
    with reading(engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(sql_table("privacy_spendings"))).scalar() == 1


def _together(run: Any) -> None:
    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
