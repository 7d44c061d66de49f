"""The spend report on SQLite and PostgreSQL: it says what the books say, of this campaign and of these days."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.decisions.budget.reservations import Reservations
from alphaads_pipelines.decisions.budget.settlement import confirm
from alphaads_pipelines.decisions.budget.spend_report import Spend, SpendOfDay, SpendReport, read_spend
from alphaads_pipelines.stores.sql.relational import transaction
from tests.decisions.budget.books import money
from tests.decisions.campaigns import COST, NOON, campaign

pytestmark = pytest.mark.integration
DAY = timedelta(days=1)
MUCH = 100_000 * COST


def reserve(engine: Engine, of: Campaign, number: int, now: datetime = NOON, segment: str | None = None) -> list[str]:
    keys = [f"{of.campaign_id}-{now:%d}-{segment}-{each}" for each in range(number)]
    for key in keys:
        assert Reservations(engine).reserve(key, of, None, (), segment, now) is None
    return keys


def see(engine: Engine, keys: list[str]) -> None:
    with transaction(engine) as connection:
        confirm(connection, keys)


def test_a_campaign_that_used_nothing_has_everything_left(engine: Engine) -> None:
    of = campaign(budget_microusd=9 * COST, daily_budget_microusd=2 * COST)
    assert read_spend(engine, of, NOON) == SpendReport("tea", Spend(), 9 * COST, 2 * COST, 2 * COST, [])


def test_a_campaign_without_a_budget_has_nothing_to_report(engine: Engine) -> None:
    assert reserve(engine, campaign(), 3)
    assert read_spend(engine, campaign(), NOON) == SpendReport("tea", Spend(), None, None, None, [])


def test_reserved_and_spent_are_told_apart_by_day_and_segment(engine: Engine) -> None:
    of = campaign(budget_microusd=2 * MUCH, daily_budget_microusd=MUCH, segment_floors={"owls": 0.5})
    see(engine, reserve(engine, of, 3, NOON - DAY)[:2])
    see(engine, reserve(engine, of, 1, segment="owls"))
    reserve(engine, of, 2)
    reserve(engine, campaign("coffee", budget_microusd=100 * COST), 4)
    report = read_spend(engine, of, NOON)
    assert report.days == [
        SpendOfDay(NOON.date(), Spend(2 * COST, COST), {"owls": Spend(0, COST)}),
        SpendOfDay((NOON - DAY).date(), Spend(COST, 2 * COST), {}),
    ]
    assert report.total == Spend(3 * COST, 3 * COST) == Spend(*money(engine)["tea"])
    assert (report.left_microusd, report.today_left_microusd) == (2 * MUCH - 6 * COST, MUCH - 3 * COST)


def test_days_before_those_asked_for_count_in_the_total_alone(engine: Engine) -> None:
    of = campaign(budget_microusd=100 * COST)
    for back in range(4):
        reserve(engine, of, 1, NOON - back * DAY)
    report = read_spend(engine, of, NOON, days=2)
    assert [each.day for each in report.days] == [NOON.date(), (NOON - DAY).date()]
    assert report.total == Spend(4 * COST, 0)
    assert report.today_budget_microusd is None, "a budget without an end is spent as people come"


def test_todays_plan_is_a_part_of_what_the_days_before_left(engine: Engine) -> None:
    of = campaign(budget_microusd=MUCH, starts_at=NOON - 5 * DAY, ends_at=NOON.replace(hour=0) + 2 * DAY)
    reserve(engine, of, 10, NOON - DAY)
    reserve(engine, of, 1)
    report = read_spend(engine, of, NOON)
    assert report.today_budget_microusd == (MUCH - 10 * COST) // 2, "what is left is for two days"
    assert report.today_left_microusd == report.today_budget_microusd - COST
    assert report.left_microusd == MUCH - 11 * COST


def test_a_budget_set_below_what_was_used_leaves_nothing(engine: Engine) -> None:
    reserve(engine, campaign(budget_microusd=5 * COST, daily_budget_microusd=5 * COST), 1)
    lowered = campaign(budget_microusd=COST // 2, daily_budget_microusd=COST // 2)
    report = read_spend(engine, lowered, NOON)
    assert (report.left_microusd, report.today_left_microusd) == (0, 0)


@pytest.mark.parametrize("days_from_now", [-3, 3])
def test_there_is_no_plan_for_a_day_on_which_it_does_not_run(engine: Engine, days_from_now: int) -> None:
    begin = NOON + days_from_now * DAY
    of = campaign(budget_microusd=9 * COST, daily_budget_microusd=COST, starts_at=begin, ends_at=begin + DAY)
    report = read_spend(engine, of, NOON)
    assert (report.today_budget_microusd, report.today_left_microusd, report.left_microusd) == (None, None, 9 * COST)
