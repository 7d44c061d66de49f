"""Pacing: a day's money is spent evenly and altogether, floors are kept, and nothing is overspent."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.decisions.budget.pacing import COMMON, Day, Grant, Line, Refused, Spending, day_of, pace
from alphaads_pipelines.errors import InvalidRequest
from tests.decisions.campaigns import COST, MIDNIGHT, NOON, campaign

DAY = timedelta(days=1)


class Till:
    """What a campaign used, as the asks so far leave it."""

    def __init__(self, of: Campaign) -> None:
        self.of, self.spending, self.reasons = of, Spending(MIDNIGHT.date()), list[str]()

    def ask(self, now: datetime, segment: str | None = None) -> bool:
        """Whether an ad was shown."""
        answer = pace(self.of, self.spending, segment, now)
        if isinstance(answer, Refused):
            self.reasons.append(answer.reason)
            return False
        held = self.spending.on(now.date())
        self.spending = Spending(now.date(), held.used + self.of.cost_microusd, {**held.lines, **answer.lines})
        return True

    def today(self, segment: str | None = None) -> int:
        lines = self.spending.lines
        return sum(each.used for each in lines.values()) if segment is None else lines.get(segment, Line()).used


def paced(budget: int = 1_000 * COST, **changed: object) -> Till:
    return Till(campaign(daily_budget_microusd=budget, **changed))


def moments(number: int, begin: datetime = MIDNIGHT, span: timedelta = DAY) -> list[datetime]:
    """Evenly spread, the last one just before the end."""
    return [begin + span * (n / number) for n in range(number)]


def test_demand_all_day_is_served_evenly_and_to_the_end() -> None:
    till = paced()
    for number, now in enumerate(moments(10_000)):
        till.ask(now)
        even = 1_000 * COST * number / 10_000
        assert abs(till.today() - even) <= 0.012 * 1_000 * COST
    assert till.today() == 1_000 * COST
    assert set(till.reasons) == {"pacing", "budget"}


def test_the_first_ad_of_a_day_can_be_shown_however_dear_it_is() -> None:
    till = paced(2 * COST)
    assert till.ask(MIDNIGHT)
    assert not till.ask(MIDNIGHT + timedelta(hours=12))
    assert till.ask(MIDNIGHT + timedelta(hours=23, minutes=45)), "all of it is free before the day ends"
    assert not till.ask(MIDNIGHT + timedelta(hours=23, minutes=59))
    assert till.reasons == ["pacing", "budget"]


def test_a_budget_of_less_than_one_ad_shows_none() -> None:
    till = paced(COST - 1)
    assert not till.ask(NOON)
    assert till.reasons == ["budget"]


def test_what_a_quiet_morning_left_is_caught_up_with_evenly_and_not_at_once() -> None:
    till = paced()
    at_once = sum(till.ask(NOON) for _ in range(2_000))
    assert at_once == pytest.approx(1_000 * 15 / 705, abs=1), "15 minutes of twice the even rate"
    for now in moments(5_000, NOON, DAY / 2):
        till.ask(now)
        assert till.today() <= 1_000 * COST * ((now - NOON) / (DAY / 2)) + 0.025 * 1_000 * COST
    assert till.today() == 1_000 * COST


@pytest.mark.parametrize("asks", [1, 7, 60])
def test_where_few_come_each_of_them_is_shown_an_ad(asks: int) -> None:
    till = paced()
    assert all(till.ask(now) for now in moments(asks))


def test_a_clock_that_is_behind_another_frees_nothing_and_costs_nothing() -> None:
    till = paced()
    spread = random.Random(7)
    for now in moments(20_000):
        till.ask(min(max(now + timedelta(seconds=spread.uniform(-2, 2)), MIDNIGHT), MIDNIGHT + DAY - DAY / 100_000))
        even = 1_000 * COST * ((now - MIDNIGHT) / DAY)
        assert till.today() <= even + 0.012 * 1_000 * COST
    assert till.today() == 1_000 * COST


def test_a_day_is_a_new_one_at_midnight_utc() -> None:
    till = paced(2 * COST)
    late = MIDNIGHT + timedelta(hours=23, minutes=59)
    assert [till.ask(late) for _ in range(3)] == [True, True, False]
    assert till.ask(MIDNIGHT + DAY)
    assert (till.spending.used, till.today()) == (3 * COST, COST)


def test_a_day_is_cut_to_the_time_of_the_campaign() -> None:
    evening = MIDNIGHT + timedelta(hours=18)
    assert day_of(paced(starts_at=evening).of, 0, evening) == Day(1_000 * COST, evening, MIDNIGHT + DAY)
    till = paced(ends_at=NOON)
    for now in moments(5_000, span=DAY / 2):
        till.ask(now)
    assert till.today() == 1_000 * COST


def test_a_whole_budget_with_an_end_is_divided_among_the_days_left() -> None:
    till = Till(campaign(budget_microusd=1_000 * COST, ends_at=MIDNIGHT + 4 * DAY))
    for now in moments(4_000):
        till.ask(now)
    assert till.today() == 250 * COST
    skipped = MIDNIGHT + 2 * DAY
    for now in moments(4_000, skipped):
        till.ask(now)
    assert till.today() == 375 * COST, "what a day without demand left is shared by the others"
    for now in moments(4_000, skipped + DAY):
        till.ask(now)
    assert till.spending.used == 1_000 * COST


def test_a_whole_budget_without_an_end_is_spent_as_people_come() -> None:
    till = Till(campaign(budget_microusd=10 * COST))
    assert [till.ask(NOON) for _ in range(12)] == [True] * 10 + [False] * 2
    assert till.reasons == ["budget", "budget"]


def test_both_budgets_hold() -> None:
    till = Till(campaign(budget_microusd=1_500 * COST, daily_budget_microusd=1_000 * COST))
    for day in range(3):
        for now in moments(4_000, MIDNIGHT + day * DAY):
            till.ask(now)
        assert till.spending.used == min(1_500, 1_000 * (day + 1)) * COST


def test_a_budget_that_was_lowered_below_what_is_spent_refuses() -> None:
    for lowered in (campaign(daily_budget_microusd=5 * COST), campaign(budget_microusd=5 * COST)):
        held = Spending(NOON.date(), 9 * COST, {COMMON: Line(9 * COST, 0.0, NOON)})
        assert pace(lowered, held, None, NOON) == Refused("budget")
        assert pace(lowered, held, "night", NOON + timedelta(hours=11, minutes=59)) == Refused("budget")


def test_a_floor_is_kept_for_its_people_until_the_last_hour() -> None:
    till = paced(segment_floors={"night": 0.4})
    for now in moments(4_600, span=timedelta(hours=23)):
        till.ask(now)
    spent = till.today()
    assert spent == pytest.approx(600 * COST * 23 / 24, rel=0.02)
    for now in moments(2_000, MIDNIGHT + timedelta(hours=23), timedelta(hours=1)):
        till.ask(now)
    assert till.today() == 1_000 * COST


def test_people_of_a_floor_are_shown_ads_while_others_ask_for_everything() -> None:
    till, chance = paced(segment_floors={"night": 0.4}), random.Random(3)
    for now in moments(10_000):
        till.ask(now, "night" if chance.random() < 0.08 else None)
    assert till.today("night") >= 395 * COST, "about 800 asked"
    assert till.today() == 1_000 * COST


def test_people_of_a_floor_also_use_what_is_free_to_all() -> None:
    till = paced(segment_floors={"night": 0.2})
    for now in moments(5_000):
        till.ask(now, "night")
    assert till.today("night") == till.today() == 1_000 * COST


def test_what_is_left_for_other_segments_is_refused_by_its_name() -> None:
    of = campaign(daily_budget_microusd=10 * COST, segment_floors={"night": 1.0})
    assert pace(of, Spending(NOON.date()), "day", NOON) == Refused("floor")
    assert isinstance(pace(of, Spending(NOON.date()), "night", NOON), Grant)
    assert isinstance(pace(of, Spending(NOON.date()), "day", NOON + timedelta(hours=11, minutes=1)), Grant)


def test_floors_need_a_day_to_be_kept_of() -> None:
    floors = {"night": 0.5}
    for ended in ({}, {"budget_microusd": COST}):
        with pytest.raises(InvalidRequest, match="a daily budget, or a budget and ends_at"):
            campaign(segment_floors=floors, **ended)
    campaign(segment_floors=floors, budget_microusd=COST, ends_at=NOON)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.sampled_from([None, "night", "day", "other"]),
            st.floats(-5, 5),
        ),
        max_size=200,
    ),
    st.integers(1, 40),
    st.sampled_from([{}, {"night": 0.5}, {"night": 0.3, "day": 0.7}]),
    st.booleans(),
)
def test_nothing_is_ever_overspent_and_no_floor_is_taken(
    asks: list[tuple[float, str | None, float]], ads: int, floors: dict[str, float], is_whole: bool
) -> None:
    """In any order of clocks that differ by seconds, budgets and floors hold after each ask."""
    budget = ads * COST + 7
    money = {"budget_microusd": budget, "ends_at": MIDNIGHT + DAY} if is_whole else {"daily_budget_microusd": budget}
    till = Till(campaign(segment_floors=floors, **money))
    for share, segment, skew in sorted(asks, key=lambda each: each[0]):
        now = min(max(MIDNIGHT + DAY * share + timedelta(seconds=skew), MIDNIGHT), MIDNIGHT + DAY - DAY / 10_000)
        is_shown = till.ask(now, segment)
        assert till.today() <= budget
        assert till.spending.used == till.today()
        kept = {each: int(part * budget) for each, part in floors.items()}
        if is_shown and now < MIDNIGHT + timedelta(hours=23):
            unused = sum(max(0, part - till.today(each)) for each, part in kept.items())
            assert till.today() + unused <= budget
