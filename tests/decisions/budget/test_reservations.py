"""Reservations on SQLite and PostgreSQL: what is held, spent and given back, once, whoever else does so too."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.decisions.budget.pacing import COMMON, Line, Refused, Spending
from alphaads_pipelines.decisions.budget.reservations import HELD, Reservations, read_spending
from alphaads_pipelines.decisions.budget.settlement import (
    KNOWN_FOR,
    confirm,
    prune,
    release_expired,
    release_for_subject,
)
from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.stores.sql.relational import connect, sql_table, transaction
from tests.concurrency import at_once
from tests.decisions.budget.books import frequencies, money, used_by_day, waiting
from tests.decisions.campaigns import COST, MIDNIGHT, NOON, campaign

pytestmark = pytest.mark.integration
ADA, BO = "a" * 32, "b" * 32
LATE = NOON + HELD
SECOND = timedelta(seconds=1)


class Shop:
    """One store, and everybody who moves money in it."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.reservations = engine, Reservations(engine)
        self.made = 0

    def ask(
        self, of: Campaign, *subjects: str, now: datetime = NOON, segment: str | None = None, key: str = ""
    ) -> str | None:
        """Reserve for a new decision; its id, or None if it was refused."""
        self.made += 1
        key = key or f"decision-{self.made}"
        answer = self.reservations.reserve(key, of, subjects[0] if subjects else None, subjects, segment, now)
        return key if answer is None else None

    def refusal(self, of: Campaign, *subjects: str, now: datetime = NOON, segment: str | None = None) -> str:
        answer = self.reservations.reserve("x", of, subjects[0] if subjects else None, subjects, segment, now)
        assert isinstance(answer, Refused)
        return answer.reason

    def heard(self, *keys: str | None) -> Counter[str]:
        with transaction(self.engine) as connection:
            return confirm(connection, [key for key in keys if key])

    def release(self, now: datetime = LATE) -> int:
        with transaction(self.engine) as connection:
            return release_expired(connection, now)

    def money(self, key: str = "tea") -> tuple[int, int]:
        return money(self.engine)[key]


@pytest.fixture
def shop(engine: Engine) -> Shop:
    return Shop(engine)


def test_what_is_held_is_spent_when_the_impression_is_heard_of_and_once(shop: Shop) -> None:
    of = campaign(budget_microusd=3 * COST)
    keys = [shop.ask(of) for _ in range(3)]
    assert shop.money() == (3 * COST, 0)
    assert shop.refusal(of) == "budget"
    assert shop.heard(*keys[:2], keys[0], "nobody's") == Counter(confirmed=2, microusd=2 * COST)
    assert shop.money() == (COST, 2 * COST)
    assert shop.heard(*keys[:2]) == Counter()
    assert shop.money() == (COST, 2 * COST)
    assert shop.refusal(of) == "budget"


def test_what_nothing_was_heard_of_is_given_back_after_its_time_and_once(shop: Shop) -> None:
    of = campaign(budget_microusd=COST, daily_cap=1)
    key = shop.ask(of, ADA)
    assert shop.release(LATE - SECOND) == 0
    assert shop.release() == 1
    assert (shop.release(), shop.money(), frequencies(shop.engine)[ADA, "tea"]) == (0, (0, 0), 0)
    assert shop.ask(of, ADA, now=LATE)
    assert shop.heard(key) == Counter(late=1), "it is not billed: the money was given to another"
    assert shop.money() == (COST, 0)
    assert frequencies(shop.engine)[ADA, "tea"] == 2, "but it was seen"
    assert shop.heard(key) == Counter()


def test_an_impression_after_its_time_that_was_not_released_yet_is_billed(shop: Shop) -> None:
    key = shop.ask(campaign(budget_microusd=COST))
    assert shop.heard(key)["confirmed"] == 1
    assert shop.release(LATE + KNOWN_FOR) == 0
    assert shop.money() == (0, COST)


def test_a_reservation_counts_for_the_day_of_its_decision(shop: Shop) -> None:
    of = campaign(daily_budget_microusd=COST)
    night = MIDNIGHT + timedelta(hours=23, minutes=59)
    before, after = shop.ask(of, now=night), shop.ask(of, now=night + timedelta(minutes=6))
    assert before and after, "another day, another budget"
    shop.heard(before)
    assert used_by_day(shop.engine, "tea") == {night.date(): COST, (night + timedelta(minutes=6)).date(): COST}
    assert shop.release(night + timedelta(hours=1)) == 1
    assert used_by_day(shop.engine, "tea")[(night + timedelta(minutes=6)).date()] == 0


def test_a_budget_lowered_below_what_is_spent_refuses_and_stays_whole(shop: Shop) -> None:
    shop.heard(*[shop.ask(campaign(budget_microusd=9 * COST)) for _ in range(5)])
    lowered = campaign(budget_microusd=2 * COST)
    assert shop.refusal(lowered) == "budget"
    assert shop.money() == (0, 5 * COST)
    assert shop.ask(campaign(budget_microusd=6 * COST))


def test_pacing_and_floors_hold_in_the_store(shop: Shop) -> None:
    of = campaign(daily_budget_microusd=10 * COST, segment_floors={"night": 0.5})
    assert shop.ask(of)
    assert shop.refusal(of) == "pacing"
    assert shop.ask(of, segment="night")
    evening = MIDNIGHT + timedelta(hours=22, minutes=59)
    lines = read_spending(shop.engine, ["tea", "coffee"], NOON.date())["tea"].lines
    assert lines == {COMMON: Line(COST, 0.0, NOON), "night": Line(COST, 0.0, NOON)}
    shown = [shop.ask(of, now=evening + n * SECOND) for n in range(4)]
    assert shown[0] and not all(shown)
    later = MIDNIGHT + timedelta(hours=23, minutes=58)
    assert len([True for _ in range(20) if shop.ask(of, now=later)]) == 10 - 2 - sum(map(bool, shown))
    assert shop.refusal(of, now=later, segment="night") == "budget"


def test_what_all_is_used_by_others_but_floors_is_refused_as_a_floor(shop: Shop) -> None:
    of = campaign(daily_budget_microusd=10 * COST, segment_floors={"night": 1.0})
    assert shop.refusal(of, segment="day") == "floor"
    assert shop.ask(of, segment="night")


def test_a_cap_is_of_the_person_and_of_the_day(shop: Shop) -> None:
    of = campaign(daily_cap=2)
    assert shop.ask(of, ADA)
    assert shop.ask(of, BO, ADA), "two networks, one person"
    assert shop.refusal(of, ADA, BO) == shop.refusal(of, BO, ADA) == "cap"
    assert shop.reservations.shown([ADA, BO], NOON.date()) == {"tea": 2}
    assert shop.reservations.shown([ADA], NOON.date()) == {"tea": 1}
    assert shop.reservations.shown([], NOON.date()) == {}
    assert shop.ask(of, ADA, BO, now=MIDNIGHT + timedelta(days=1))
    assert shop.ask(of), "nobody is named, so nobody's cap can be kept"
    assert shop.ask(campaign("coffee", daily_cap=2), ADA), "of one campaign"


def test_what_has_no_limit_costs_no_transaction() -> None:
    away = connect("postgresql://nobody@127.0.0.1:1/nothing")
    reservations = Reservations(away)
    assert reservations.reserve("1", campaign(), ADA, [ADA], None, NOON) is None
    assert reservations.reserve("2", campaign(daily_cap=1), None, [], None, NOON) is None
    for of in (campaign(daily_cap=1), campaign(budget_microusd=COST)):
        with pytest.raises(StoreUnavailable):
            reservations.reserve("3", of, ADA, [ADA], None, NOON)


def test_spending_is_read_for_those_that_are_asked_for(shop: Shop) -> None:
    shop.ask(campaign(budget_microusd=9 * COST))
    shop.ask(campaign("coffee", budget_microusd=9 * COST), now=NOON + timedelta(days=1))
    found = read_spending(shop.engine, ["tea", "coffee", "milk"], NOON.date())
    assert found == {
        "tea": Spending(NOON.date(), COST, {COMMON: Line(COST)}),
        "coffee": Spending(NOON.date(), COST, {}),
    }


def test_erasing_a_person_gives_back_what_was_held_for_them(shop: Shop) -> None:
    of = campaign(budget_microusd=9 * COST, daily_cap=5)
    keys = [shop.ask(of, ADA), shop.ask(of, ADA), shop.ask(of, BO)]
    shop.heard(keys[0])
    with transaction(shop.engine) as connection:
        assert release_for_subject(connection, ADA) == 1
    assert shop.money() == (COST, COST)
    assert waiting(shop.engine) == {keys[2]}
    assert shop.heard(keys[1]) == Counter(), "what is heard of later says nothing to anybody"


def test_what_no_impression_is_known_by_is_forgotten(shop: Shop) -> None:
    of = campaign(budget_microusd=9 * COST, daily_cap=5)
    shop.ask(of, ADA)
    shop.release()
    held = sa.select(sa.func.count()).select_from(sql_table("ad_reservations"))
    for now, left in ((LATE + KNOWN_FOR, 1), (LATE + KNOWN_FOR + SECOND, 0)):
        with transaction(shop.engine) as connection:
            prune(connection, now)
            assert connection.execute(held).scalar_one() == left
    assert set(frequencies(shop.engine)) == {(ADA, "tea")}
    with transaction(shop.engine) as connection:
        prune(connection, NOON + timedelta(days=3))
    assert not frequencies(shop.engine)


def test_many_that_ask_for_the_last_ad_at_once_get_one(shop: Shop) -> None:
    """The row of the campaign is not there yet."""
    of = campaign(budget_microusd=COST)
    outcomes = at_once(*[partial(shop.ask, of, key=f"racer-{n}") for n in range(8)])
    assert len([each for each in outcomes if each]) == 1
    assert shop.money() == (COST, 0)


def test_a_confirmation_races_a_release_and_one_of_them_happens(shop: Shop) -> None:
    of = campaign(budget_microusd=99 * COST, daily_cap=9)
    for turn in range(5):
        keys = [shop.ask(of, ADA, now=NOON + turn * timedelta(days=2)) for _ in range(4)]
        later = LATE + turn * timedelta(days=2)
        heard, released = at_once(partial(_heard, shop, keys), partial(shop.release, later))
        assert heard + released == 4
        assert shop.money()[0] == 0


def _heard(shop: Shop, keys: list[str | None]) -> int:
    return shop.heard(*keys)["confirmed"]


def test_those_who_move_the_money_of_many_campaigns_never_wait_in_a_circle(shop: Shop) -> None:
    """Each confirms, releases, erases and reserves for all campaigns in an order of its own."""
    campaigns = [campaign(f"c{n}", budget_microusd=10_000 * COST, daily_cap=1_000) for n in range(5)]

    def trade(number: int) -> int:
        chance, keys = random.Random(number), list[str]()
        for turn in range(12):
            for of in chance.sample(campaigns, len(campaigns)):
                key = shop.ask(of, (ADA, BO)[number % 2], key=f"{number}-{turn}-{of.campaign_id}")
                assert key
                keys.append(key)
            chance.shuffle(keys)
            shop.heard(*[keys.pop() for _ in range(3)])
            if turn % 4 == 3:
                shop.release() if number % 2 else _erase(shop, chance.choice((ADA, BO)))
        return len(keys)

    at_once(*[partial(trade, number) for number in range(6)])
    shop.release()
    assert {reserved for reserved, _ in money(shop.engine).values()} == {0}


def _erase(shop: Shop, subject: str) -> None:
    """As an erasure does: their frequencies go as well."""
    frequencies = sql_table("ad_frequencies")
    with transaction(shop.engine) as connection:
        release_for_subject(connection, subject)
        connection.execute(frequencies.delete().where(frequencies.c.subject_id == subject))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from(["ask", "ask", "ask", "hear", "release", "erase"]), st.integers(0, 7), st.integers()),
        max_size=40,
    )
)
def test_any_order_of_events_keeps_the_books(
    migrated_sqlite: Any, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    """Against a model in plain words: every decision is held, spent, free or forgotten."""
    path = tmp_path_factory.mktemp("books") / "db"
    path.write_bytes(migrated_sqlite.read_bytes())
    engine = connect(f"sqlite:///{path}")
    shop, now = Shop(engine), datetime(2026, 11, 24, 22, tzinfo=UTC)
    of = campaign(budget_microusd=6 * COST, daily_cap=2)
    held: dict[str, tuple[str, datetime]] = {}
    spent = 0
    for act, which, minutes in steps:
        now += timedelta(minutes=minutes % 20)
        subject = (ADA, BO)[which % 2]
        if act == "ask":
            key = shop.ask(of, subject, now=now)
            assert not key or len(held) + spent < 6
            held |= {key: (subject, now)} if key else {}
        elif act == "hear" and held:
            key = sorted(held)[which % len(held)]
            assert shop.heard(key)["confirmed"] == 1
            del held[key]
            spent += 1
        elif act == "release":
            due = {key for key, (_, at) in held.items() if at + HELD <= now}
            assert shop.release(now) == len(due)
            held = {key: each for key, each in held.items() if key not in due}
        elif act == "erase":
            _erase(shop, subject)
            held = {key: each for key, each in held.items() if each[0] != subject}
        assert money(engine).get("tea", (0, 0)) == (len(held) * COST, spent * COST)
        assert waiting(engine) == held.keys()
    engine.dispose()
