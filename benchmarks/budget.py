"""`bench budget`: processes race for one campaign's daily budget; detects overspending and underspending.

Processes decide, confirm most impressions and release expired reservations, with clock skew of up to a second. The
budget covers half of the decisions. A fifth of the people are in a segment with a floor, and a few reach their cap. A
thread reconciles the accounts meanwhile.
"""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy import Engine

from alphaads_pipelines.campaigns.campaign import ACTIVE, Campaign
from alphaads_pipelines.decisions.budget.reconciliation import reconcile
from alphaads_pipelines.decisions.budget.reservations import HELD, Reservations, read_spending
from alphaads_pipelines.decisions.budget.settlement import confirm, release_expired, settling
from alphaads_pipelines.stores.sql.relational import connect, migrate, reading, sql_table, transaction

_DAY, _MIDNIGHT = timedelta(days=1), datetime(2026, 11, 24, tzinfo=UTC)
_COST, _CAP, _FLOOR, _NIGHT = 1_000, 8, 0.25, "night"
_SEEN_SHARE, _NIGHT_SHARE, _HOT_SHARE = 0.95, 0.2, 0.1
_HOT_PEOPLE, _ASKS_OF_ONE = 2, 4
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Day:
    """A simulated day of `decisions` by `processes`; `campaign` has budget for half of them."""

    url: str
    campaign: Campaign
    decisions: int
    processes: int
    seed: int

    @property
    def settle_size(self) -> int:
        """Impressions per settlement: those of a sixth of a reservation's lifetime."""
        return 1 + int(self.decisions / self.processes * (HELD / _DAY) / 6)

    @property
    def max_delay(self) -> timedelta:
        """Simulated time by which a settlement may be delayed."""
        return _DAY * min(1 / 4, max(1 / 12, 200 / self.decisions))


@dataclass(slots=True)
class _Monitor:
    """Watches the accounts during the race."""

    most_used: int = 0
    number: int = 0
    wrong: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self, day: Day) -> None:
        engine, key = connect(day.url), day.campaign.campaign_id
        while not self.stop.wait(_POLL_S):
            with reading(engine) as connection:
                result = reconcile(connection, _MIDNIGHT.date())
            found = read_spending(engine, [key], _MIDNIGHT.date())
            self.number += 1
            self.wrong += bool(result.mismatched)
            self.most_used = max([self.most_used, *(each.used for each in found.values())])
        engine.dispose()


def run(
    decisions: int = 8_000, processes: int = 8, seed: int = 1, database_url: str | None = None, **servers: str
) -> dict[str, Any]:
    """Race for one day.

    Returns
    -------
    `most_used_of_budget`: at most 1; `used_of_budget`: at the end of the day, at least 0.99; `floor_used`: share of the
    floor used by its people; `most_shown_to_one`: at most `cap`.
    """
    with _database(database_url) as url:
        day = Day(url, _campaign(decisions), decisions, processes, seed)
        looks = _Monitor()
        watcher = threading.Thread(target=looks.watch, args=(day,), name="books")
        watcher.start()
        try:
            done, seconds = _race(day)
        finally:
            looks.stop.set()
            watcher.join()
        return {"bench": "budget", "store": url.partition(":")[0], **_report(day, looks, done, seconds)}


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="alphaads-budget-") as folder:
        chosen = url or f"sqlite:///{folder}/relational.db"
        migrate(chosen)
        yield chosen


def _campaign(decisions: int) -> Campaign:
    word = "Synthetic"
    return Campaign(
        campaign_id=uuid.uuid4().hex,
        tenant="bench",
        name=word,
        product=word,
        benefit=word,
        call_to_action=word,
        state=ACTIVE,
        cost_microusd=_COST,
        daily_budget_microusd=decisions // 2 * _COST,
        daily_cap=_CAP,
        segment_floors={_NIGHT: _FLOOR},
    )


def _race(day: Day) -> tuple[list[tuple[Counter[str], list[float]]], float]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.budget"])
    clock, start = context.Value("q", 0), context.Barrier(day.processes + 1)
    with ProcessPoolExecutor(day.processes, context, _share, (clock, start)) as pool:
        running = [pool.submit(decide, day, number) for number in range(day.processes)]
        start.wait(120)
        began = time.perf_counter()
        done = [each.result() for each in running]
        return done, time.perf_counter() - began


_shared: dict[str, Any] = {}


def _share(clock: Synchronized[int], start: Barrier) -> None:
    _shared.update(clock=clock, start=start)


def decide(day: Day, number: int) -> tuple[Counter[str], list[float]]:
    """Make one process's decisions; returns counts of answers, and seconds per decision."""
    engine, chance = connect(day.url), random.Random(f"{day.seed}-{number}")
    reservations, answers, took = Reservations(engine), Counter[str](), []
    skew, seen = timedelta(seconds=chance.uniform(-1, 1)), list[str]()
    _shared["start"].wait(120)
    while (moment := _next_moment(day.decisions)) is not None:
        now = min(max(moment + skew, _MIDNIGHT), _MIDNIGHT + _DAY - timedelta(milliseconds=1))
        key, (subject, segment) = f"{chance.getrandbits(128):032x}", _random_person(chance, day.decisions)
        began = time.perf_counter()
        answer = reservations.reserve(key, day.campaign, subject, [subject], segment, now)
        took.append(time.perf_counter() - began)
        answers["held" if answer is None else answer.reason] += 1
        if answer is None and chance.random() < _SEEN_SHARE:
            seen.append(key)
        if len(seen) >= day.settle_size:
            answers["late"] += _settle(engine, seen, now - day.max_delay)
            seen.clear()
    answers["late"] += _settle(engine, seen, _MIDNIGHT)
    engine.dispose()
    return answers, took


def _next_moment(decisions: int) -> datetime | None:
    clock = _shared["clock"]
    with clock.get_lock():
        clock.value += 1
        passed = clock.value - 1
    return _MIDNIGHT + _DAY * (passed / decisions) if passed < decisions else None


def _random_person(chance: random.Random, decisions: int) -> tuple[str, str | None]:
    if chance.random() < _HOT_SHARE:
        return f"{chance.randrange(_HOT_PEOPLE):032x}", None
    person = _HOT_PEOPLE + chance.randrange(decisions // _ASKS_OF_ONE)
    return f"{person:032x}", _NIGHT if person % 10 < 10 * _NIGHT_SHARE else None


def _settle(engine: Engine, seen: list[str], now: datetime) -> int:
    """Confirm impressions, release expired reservations; returns the number of late impressions."""
    with settling(engine) as connection:
        late = confirm(connection, seen)["late"]
    with settling(engine) as connection:
        release_expired(connection, now)
    return late


def _report(day: Day, looks: _Monitor, done: list[tuple[Counter[str], list[float]]], seconds: float) -> dict[str, Any]:
    budget, answers = day.campaign.daily_budget_microusd or 0, sum((each for each, _ in done), Counter[str]())
    took = np.array([each for _, some in done for each in some]) * 1_000
    engine, key = connect(day.url), day.campaign.campaign_id
    frequencies = sql_table("ad_frequencies")
    most = sa.select(sa.func.max(frequencies.c.shown)).where(frequencies.c.campaign_id == key)
    used = read_spending(engine, [key], _MIDNIGHT.date())[key]
    with transaction(engine) as connection:
        shown = connection.execute(most).scalar_one()
        while release_expired(connection, _MIDNIGHT + _DAY + HELD):
            pass
    settled = read_spending(engine, [key], _MIDNIGHT.date())[key]
    engine.dispose()
    return {
        "decisions": day.decisions,
        "processes": day.processes,
        "answers": dict(answers),
        "seconds": round(seconds, 1),
        "decisions_per_second": round(day.decisions / seconds),
        "held_per_second": round(answers["held"] / seconds),
        "reserve_ms": {f"p{each}": round(float(np.percentile(took, each)), 2) for each in (50, 95, 99)},
        "looks_at_the_books": looks.number,
        "looks_that_found_them_wrong": looks.wrong,
        "most_used_of_budget": round(max(looks.most_used, used.used) / budget, 5),
        "used_of_budget": round(used.used / budget, 5),
        "spent_of_budget": round(settled.used / budget, 5),
        "limit": [0.99, 1.0],
        "floor_used": round(used.lines[_NIGHT].used / (_FLOOR * budget), 3),
        "most_shown_to_one": shown,
        "cap": _CAP,
    }
