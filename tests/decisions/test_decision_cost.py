"""What a decision asks of the store reads its own rows alone, however many other people are in there."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from alphaads_pipelines.decisions.budget.reservations import Reservations
from alphaads_pipelines.stores.sql.fastpath.connections import driver_connection
from alphaads_pipelines.stores.sql.relational import insert_ignore, transaction
from alphaads_pipelines.stores.subjects.permissions import permission_of
from tests.decisions.campaigns import COST, NOON, campaign
from tests.stores.subjects.people import make_subjects, say

ADS = "personalised_ads"
OTHERS = 3_000


def _steps(engine: Engine, ask: Callable[[], object]) -> int:
    """Instructions of SQLite's machine that `ask` takes; it says how much was read, and never varies."""
    taken = [0]

    def step() -> int:
        taken[0] += 1
        return 0

    with driver_connection(engine) as driver:
        driver.set_progress_handler(step, 1)
        ask()
        driver.set_progress_handler(None, 1)
    return taken[0]


def _others(engine: Engine) -> None:
    day, ids = NOON.date(), [f"{number:032x}" for number in range(1_000, 1_000 + OTHERS)]
    held = {"campaign_id": "tea", "tenant": "acme", "day": day}
    said = {"purpose": ADS, "is_granted": True, "source": "import", "evidence": "synthetic", "recorded_at": NOON}
    reserved = {"segment": "", "amount_microusd": COST, "is_counted": True, "expires_at": NOON, "released_at": None}
    known = {"platform": "x", "shard": 0}
    with transaction(engine) as connection:
        for table, rows in {
            "subjects": [{"identity_mac": bytes.fromhex(each), "subject_id": each, **known} for each in ids],
            "consent_events": [{"change_seq": 100 + at, "subject_id": each, **said} for at, each in enumerate(ids)],
            "ad_frequencies": [{"subject_id": each, **held, "shown": 1} for each in ids],
            "ad_reservations": [{"decision_id": each, "subject_id": each, **held, **reserved} for each in ids],
        }.items():
            assert insert_ignore(connection, table, rows) == OTHERS


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_does_not_grow_with_the_people_who_saw_ads_today(engine: Engine) -> None:
    [ada] = make_subjects(engine, "x")
    say(engine, ada, ADS)
    of, reservations = campaign(budget_microusd=100 * COST, daily_cap=50), Reservations(engine)
    asked: dict[str, Callable[[], object]] = {
        "permission": lambda: permission_of(engine, ada, ADS),
        "shown": lambda: reservations.shown([ada], NOON.date()),
        "reserve": lambda: reservations.reserve(f"{len(before)}-{len(after)}", of, ada, [ada], None, NOON),
    }
    before, after = dict[str, int](), dict[str, int]()
    reservations.reserve("first", of, ada, [ada], None, NOON)
    before |= {name: _steps(engine, ask) for name, ask in asked.items()}
    _others(engine)
    after |= {name: _steps(engine, ask) for name, ask in asked.items()}
    assert min(before.values()) > 10
    assert {name: steps for name, steps in after.items() if steps > 1.2 * before[name]} == {}
