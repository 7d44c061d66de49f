"""Delayed, doubled and reordered records teach the same as clean ones, through streams, stores and several runs."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.bandits.linear_thompson import LinearThompsonPolicy
from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.pipeline.learning import Teaching
from alphaads_pipelines.stores.sql.relational import connect
from tests.pipeline.loop import DECISIONS, EVENTS, NOON, Loop, decision, loop_at, of_event

TEACHING = Teaching(("thompson", "linear_thompson"), half_life_days=10.0)
LAST = NOON + timedelta(days=3)
"""When both have heard everything, and something new: policies lose weight when they learn."""
Told = tuple[str, dict[str, Any]]


@contextmanager
def _fresh(path: Path, migrated: Path) -> Iterator[Loop]:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    shutil.copy(migrated, path / "alphaads.db")
    engine = connect(f"sqlite:///{path / 'alphaads.db'}")
    loop = loop_at(path, engine)
    loop.teaching = TEACHING
    try:
        yield loop
    finally:
        loop.stream.close()
        engine.dispose()


def _world(dice: random.Random) -> list[Told]:
    """What happened, each once and in order: decisions of three days, most shown, some clicked, some too late."""
    told: list[tuple[datetime, str, dict[str, Any]]] = []
    for number in range(dice.randrange(1, 25)):
        at = NOON + timedelta(hours=dice.uniform(0, 47))
        context = {"hour": at.hour, "mood": dice.choice(("joy", "anger", None)), "placement": "feed"}
        told.append((at, DECISIONS, decision(str(number), dice.choice(("a", "b", "c")), at, context=context)))
        for kind in dice.sample(("impression", "click", "conversion"), dice.randrange(4)):
            after = at + timedelta(hours=dice.choice((0.01, 2, 23.9, 24.1)))
            told.append((after, EVENTS, of_event(str(number), kind, after)))
    told.append((LAST, EVENTS, of_event("of no decision", "click", LAST)))
    return [(topic, record) for _, topic, record in sorted(told, key=lambda each: each[0])]


def _disturbed(told: Sequence[Told], dice: random.Random) -> list[list[Told]]:
    """The same in several parts, in any order, some of it twice or three times."""
    doubled = [each for each in told for _ in range(dice.choice((1, 1, 2, 3)))]
    dice.shuffle(doubled)
    parts: list[list[Told]] = [[] for _ in range(dice.randrange(1, 5))]
    for each in doubled:
        dice.choice(parts).append(each)
    return parts


def _taught(loop: Loop, parts: Sequence[Sequence[Told]], times: Sequence[datetime]) -> tuple[Any, ...]:
    news = [(DECISIONS, decision("last", "a", LAST)), (EVENTS, of_event("last", "impression", LAST))]
    for part, at in zip([*parts, news], [*times, LAST], strict=True):
        for topic, record in part:
            loop.tell(topic, record)
        loop.learn(at)
    thompson, linear = loop.policy("thompson"), loop.policy("linear_thompson")
    assert isinstance(thompson, ThompsonPolicy)
    assert isinstance(linear, LinearThompsonPolicy)
    rows = [(row.decision_id, row.impression_at, row.click_at, row.conversion_at) for row in loop.rows()]
    beliefs = {arm: thompson.posterior(arm) for arm in sorted(thompson.known_arms)}
    return rows, beliefs, linear.ridge.sums()


@pytest.mark.parametrize("is_late", [False, True], ids=["the same day", "over days"])
@given(seed=st.integers(0, 2**32))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_disorder_teaches_the_same_as_order(tmp_path: Path, migrated_sqlite: Path, seed: int, *, is_late: bool) -> None:
    """Over days: some parts come up to a day after the last one has happened, so that all weigh less by then."""
    dice = random.Random(seed)
    told = _world(dice)
    parts = _disturbed(told, dice)
    times = sorted(LAST - timedelta(hours=dice.uniform(0, 23) if is_late else 0) for _ in parts)
    with _fresh(tmp_path / "clean", migrated_sqlite) as clean, _fresh(tmp_path / "disturbed", migrated_sqlite) as other:
        rows, beliefs, sums = _taught(clean, [told], [LAST])
        found_rows, found_beliefs, found_sums = _taught(other, parts, times)
    assert found_rows == rows
    assert found_beliefs.keys() == beliefs.keys() == found_sums.keys() == sums.keys()
    for arm in beliefs:
        assert found_beliefs[arm] == pytest.approx(beliefs[arm], rel=1e-12)
        assert np.allclose(found_sums[arm], sums[arm], rtol=1e-12, atol=1e-12)
