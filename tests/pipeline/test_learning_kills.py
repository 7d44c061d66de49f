"""Kill -9 at each step of the loop, from the spool to the history of posteriors: nothing is counted twice or lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import event as sql_event

from alphaads_pipelines.decisions import spool
from alphaads_pipelines.decisions.spool import Spool, forward
from alphaads_pipelines.pipeline import learning, policy_history
from alphaads_pipelines.stores import ad_decisions
from alphaads_pipelines.stores.sql.relational import connect
from tests.pipeline.loop import DECISIONS, NOON, Loop, decision, loop_at

SEED = 42
STEPS = {
    "shipped, not remembered": (spool, "_remember"),
    "read": (learning, "transaction"),
    "offsets moved": (learning, "initialise_roles_in"),
    "decisions stored": (ad_decisions, "drop_early"),
    "events joined": (learning, "_keep_early"),
    "policies taught": (learning, "prune_versions"),
    "about to commit": None,
    "committed": (policy_history, "read_document"),
    "history written": (policy_history, "publish_document"),
}
"""Each with what the process dies of calling next."""
ARMS = ("arm-a", "arm-b", "arm-c")
Expected = dict[str, list[float]]


def _die(*_: Any, **__: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def go_on(folder: Path, step: str, hours: int) -> None:
    """What runs in a process of its own: ship, learn, write the history; it dies at `step`, or never."""
    if (place := STEPS.get(step)) is not None:
        setattr(*place, _die)
    loop = _loop(folder)
    if step == "about to commit":
        sql_event.listen(loop.engine, "commit", _die)
    now = NOON + timedelta(hours=hours)
    forward(folder / "spool", loop.stream, DECISIONS)
    loop.learn(now)
    loop.remember(now)


def _loop(folder: Path) -> Loop:
    return loop_at(folder, connect(f"sqlite:///{folder / 'alphaads.db'}"))


def _run(folder: Path, step: str, hours: int) -> int | None:
    """Exit code of a process of its own; imports are paid for once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=go_on, args=(folder, step, hours))
    process.start()
    process.join()
    return process.exitcode


def _more(loop: Loop, folder: Path, number: int, dice: random.Random, expected: Expected) -> None:
    """Decisions into the spool, events into the stream, some of them for decisions of before."""
    segment = Spool(folder / "spool")
    for each in range(20):
        key, arm = f"{number}-{each}", dice.choice(ARMS)
        segment.append(orjson.dumps(decision(key, arm)))
        is_shown, is_clicked = dice.random() < 0.8, dice.random() < 0.3
        kinds = ["impression"] * (is_shown * 2) + ["click"] * is_clicked
        for kind in dice.sample(kinds, len(kinds)):
            loop.happened(kind, key)
        counts = expected.setdefault(arm, [0, 0])
        counts[0] += bool(kinds)
        counts[1] += is_clicked
    segment.close()


def test_kills_at_every_step_lose_nothing_and_double_nothing(tmp_path: Path, migrated_sqlite: Path) -> None:
    """Each process goes on where the one before it died, with news beside what is left over."""
    print(f"seed {SEED}")
    dice, expected = random.Random(SEED), Expected()
    shutil.copy(migrated_sqlite, tmp_path / "alphaads.db")
    loop = _loop(tmp_path)
    steps = dice.sample(sorted(STEPS), len(STEPS))
    for number, step in enumerate(steps):
        _more(loop, tmp_path, number, dice, expected)
        assert _run(tmp_path, step, hours=number) == -signal.SIGKILL, step
    assert _run(tmp_path, "never", hours=len(steps)) == 0
    assert loop.counts("thompson") == loop.counts("linear_thompson") == {arm: expected[arm] for arm in ARMS}
    assert len(loop.rows()) == 20 * len(steps)
    assert loop.rows("early_events") == []
    places = [(version, arm) for version, arm, *_ in loop.history()]
    assert len(set(places)) == len(places)
    newest = {arm: counts for _, arm, *counts, _, _ in loop.history()}
    assert newest == {arm: expected[arm] for arm in ARMS}
    loop.stream.close()
    loop.engine.dispose()
