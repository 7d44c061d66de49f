"""Impressions are billed exactly once despite duplicate or late events and crashes."""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Connection, Engine, event

from alphaads_pipelines.campaigns.campaign import Campaign
from alphaads_pipelines.campaigns.store import insert_campaigns
from alphaads_pipelines.decisions.budget import settlement
from alphaads_pipelines.decisions.budget.reconciliation import Reconciliation, reconcile
from alphaads_pipelines.decisions.budget.reservations import HELD, Reservations
from alphaads_pipelines.errors import StreamUnavailable, WriteConflict
from alphaads_pipelines.pipeline import spending
from alphaads_pipelines.pipeline.spending import Spent, update_spending
from alphaads_pipelines.stores.sql.relational import reading, sql_table, transaction
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.streams.embedded import EmbeddedStream
from alphaads_pipelines.streams.topics import Topics
from alphaads_pipelines.telemetry import REGISTRY
from tests.concurrency import at_once
from tests.conftest import ROOT
from tests.decisions.budget.books import frequencies, money, waiting
from tests.decisions.campaigns import COST, NOON, campaign

pytestmark = pytest.mark.integration
EVENTS = "ads.events"
ADA = "a" * 32
LATE = NOON + HELD
TOPICS = Topics("posts.raw", "ads.decisions", EVENTS)
SEED = 11


class Ads:
    """Decisions with reservations, their stream of events, and the consumer that bills them."""

    def __init__(self, stream: EmbeddedStream, engine: Engine) -> None:
        self.stream, self.engine = stream, engine
        self.noted: list[Collection[str]] = []

    def decide(self, *keys: str, of: Campaign | None = None) -> None:
        of = of or campaign(budget_microusd=10_000 * COST, daily_cap=1_000)
        for key in keys:
            assert Reservations(self.engine).reserve(key, of, ADA, [ADA], None, NOON) is None

    def tell(self, *keys: str, kind: str = "impression", at: datetime = NOON) -> None:
        events = [{"event_id": key, "decision_id": key, "kind": kind, "occurred_at": at.isoformat()} for key in keys]
        records = [Record(place % 4, orjson.dumps(each)) for place, each in enumerate(events)]
        self.stream.produce(EVENTS, records)

    def bill(self, now: datetime = NOON) -> Spent:
        return update_spending(
            self.stream,
            self.engine,
            topics=TOPICS,
            now=now,
            note=self.noted.append,
        )

    def money(self, key: str = "tea") -> tuple[int, int]:
        return money(self.engine)[key]


@pytest.fixture
def ads(engine: Engine, tmp_path: Path) -> Iterator[Ads]:
    with EmbeddedStream(tmp_path / "stream") as stream:
        stream.ensure_topic(EVENTS, 4)
        yield Ads(stream, engine)


def test_what_was_seen_is_billed_and_what_was_not_is_given_back(ads: Ads) -> None:
    before = REGISTRY.get_sample_value("alphaads_ad_spend_usd_total") or 0.0
    ads.decide("1", "2", "3")
    ads.tell("1", "2", "nobody's")
    ads.stream.produce(EVENTS, [Record(0, b"\xff"), Record(1, b"[]")])
    done = ads.bill()
    assert (done.events, done.left_out, done.confirmed, done.microusd, done.released) == (3, 2, 2, 2 * COST, 0)
    assert ads.money() == (COST, 2 * COST)
    assert REGISTRY.get_sample_value("alphaads_ad_spend_usd_total") == pytest.approx(before + 0.002)
    assert ads.bill(LATE).released == 1
    assert (ads.money(), frequencies(ads.engine)[ADA, "tea"]) == ((0, 2 * COST), 2)
    assert ads.noted == [{ADA}]


def test_what_is_told_twice_or_by_a_click_alone_is_billed_once(ads: Ads) -> None:
    ads.decide("1", "2")
    ads.tell("1", "1")
    ads.tell("2", kind="click")
    ads.bill()
    ads.tell("1", "2")
    ads.tell("2", kind="conversion")
    assert ads.bill().confirmed == 0
    assert ads.money() == (0, 2 * COST)


def test_what_lay_in_the_stream_in_time_is_billed_however_late_it_is_read(ads: Ads) -> None:
    ads.decide("1", "2")
    ads.tell("1")
    done = ads.bill(LATE + timedelta(hours=5))
    assert (done.confirmed, done.released, done.late) == (1, 1, 0)
    ads.tell("2")
    assert ads.bill(LATE + timedelta(hours=5)).late == 1
    assert ads.money() == (0, COST)


def test_nothing_is_given_back_while_events_cannot_be_read(ads: Ads, monkeypatch: pytest.MonkeyPatch) -> None:
    ads.decide("1")

    def away(_: object) -> Any:
        raise StreamUnavailable("away")

    monkeypatch.setattr(ads.stream, "read", away)
    ads.tell("1")
    with pytest.raises(StreamUnavailable):
        ads.bill(LATE)
    monkeypatch.undo()
    assert waiting(ads.engine) == {"1"}
    assert ads.bill(LATE).confirmed == 1


def test_more_events_than_are_read_at_once_are_all_read_before_anything_is_given_back(
    ads: Ads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending, "_READ_AT_ONCE", 2)
    monkeypatch.setattr(spending, "AT_ONCE", 3)
    monkeypatch.setattr(settlement, "AT_ONCE", 3)
    keys = [f"{number:02}" for number in range(40)]
    ads.decide(*keys)
    ads.tell(*keys[:25])
    done = ads.bill(LATE)
    assert (done.events, done.confirmed, done.released) == (25, 25, 15)
    assert ads.money() == (0, 25 * COST)
    ads.bill(LATE + timedelta(days=3))
    assert not frequencies(ads.engine)
    with reading(ads.engine) as connection:
        assert not connection.execute(sql_table("ad_reservations").select()).all(), "nor is a late one known any more"


def test_a_run_that_dies_at_any_commit_leaves_the_rest_to_the_next(ads: Ads, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (spending, settlement):
        monkeypatch.setattr(name, "AT_ONCE", 2)
    for step in itertools.count():
        keys = [f"{step}-{number}" for number in range(6)]
        ads.decide(*keys)
        ads.tell(*keys[:4])
        left = itertools.count()

        def die(_: Connection, left: Iterator[int] = left, step: int = step) -> None:
            if next(left) == step:
                raise KeyboardInterrupt

        event.listen(ads.engine, "commit", die)
        try:
            ads.bill(LATE)
        except KeyboardInterrupt:
            pass
        else:
            break
        finally:
            event.remove(ads.engine, "commit", die)
        ads.bill(LATE)
        assert ads.money() == (0, 4 * (step + 1) * COST)
    assert step >= 7, "reading where it stopped, two confirmations, the position, four releases, forgetting"


def test_of_two_that_bill_at_once_each_impression_is_billed_by_one(ads: Ads, tmp_path: Path) -> None:
    keys = [f"{number:03}" for number in range(60)]
    ads.decide(*keys)
    ads.tell(*keys[:40])
    outcomes = at_once(*[lambda: _outcome(ads)] * 4)
    assert all(isinstance(each, Spent | WriteConflict) for each in outcomes)
    assert ads.bill().confirmed == 0
    assert ads.money() == (20 * COST, 40 * COST)


def _outcome(ads: Ads) -> Spent | WriteConflict:
    try:
        return ads.bill()
    except WriteConflict as conflict:
        return conflict


def test_the_books_say_who_is_beyond_a_budget_and_where_they_do_not_agree(ads: Ads) -> None:
    ads.decide("1", "2", of=campaign(budget_microusd=9 * COST))
    ads.decide("3", "4", of=campaign("coffee", daily_budget_microusd=999 * COST))
    ads.decide("5", of=campaign("milk", budget_microusd=9 * COST))
    kept = [
        campaign(budget_microusd=2 * COST, daily_budget_microusd=2 * COST),
        campaign("coffee", daily_budget_microusd=COST),
        campaign("milk"),
    ]
    with transaction(ads.engine) as connection:
        insert_campaigns(connection, kept, NOON)
    with reading(ads.engine) as connection:
        assert reconcile(connection, NOON.date()) == Reconciliation([], ["coffee"])
        assert reconcile(connection, (NOON + timedelta(days=1)).date()) == Reconciliation([], [])
    for name in ("campaign_days", "ad_reservations"):
        table = sql_table(name)
        with transaction(ads.engine) as connection:
            connection.execute(table.delete().where(table.c.campaign_id == ("tea" if "days" in name else "milk")))
    with reading(ads.engine) as connection:
        assert reconcile(connection, NOON.date()).mismatched == ["milk", "tea"]


_BILLER = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from alphaads_pipelines.campaigns.store import insert_campaigns
from alphaads_pipelines.decisions.budget import settlement
from alphaads_pipelines.pipeline import spending
from alphaads_pipelines.stores.sql.relational import connect
from alphaads_pipelines.streams.embedded import EmbeddedStream
from tests.pipeline.test_spending import EVENTS, LATE
settlement.AT_ONCE = spending.AT_ONCE = 5
with EmbeddedStream(Path(sys.argv[3])) as stream:
    print("ready", flush=True)
    sys.stdin.readline()
    spending.update_spending(stream, connect(sys.argv[2]), topics=TOPICS, now=LATE, note=lambda _: None)
print("done", flush=True)
"""


def test_kills_bill_nothing_twice_and_lose_nothing(database_url: str, ads: Ads, tmp_path: Path) -> None:
    """`kill -9` anywhere between the first event and the last release; what is left is done by the next."""
    chance = random.Random(SEED)
    command = [sys.executable, "-c", _BILLER, str(ROOT), database_url, str(tmp_path / "stream")]
    heard = 0
    for turn in range(3):
        keys = [f"{turn}-{number:03}" for number in range(60)]
        ads.decide(*keys)
        ads.tell(*keys[:40])
        heard += 40
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as biller:
            assert biller.stdin is not None
            assert biller.stdout is not None
            assert biller.stdout.readline() == "ready\n"
            biller.stdin.write("go\n")
            biller.stdin.flush()
            time.sleep(chance.uniform(0, 0.1))
            os.kill(biller.pid, signal.SIGKILL)
        reserved, billed = ads.money()
        assert billed <= heard * COST
        assert reserved == COST * len(waiting(ads.engine))
        ads.bill(LATE)
        assert ads.money() == (0, heard * COST)
    assert frequencies(ads.engine)[ADA, "tea"] == heard
