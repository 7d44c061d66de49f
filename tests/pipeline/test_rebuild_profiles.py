"""Replays fold profiles from nothing: the same as if the batches had been folded once, in order, by the new scorer."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alphaads_pipelines.pipeline.batch_run import BatchRun, Requested, plan_replay
from alphaads_pipelines.pipeline.stages import STAGES, Stage
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, POST_SCORES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring, wired
from tests.equality import fingerprint
from tests.pipeline.scorers import HashScorer
from tests.planning import take_in
from tests.publishing import publish_batches

BATCHES = 4


@contextmanager
def _installation(version: str) -> Iterator[Wiring]:
    """Four batches of the same people, folded by the scorer of `version`."""
    with tempfile.TemporaryDirectory() as folder:
        home = Settings(_env_file=None, environment="test", alphaads_home=Path(folder) / "home", stream_partitions=2)
        with wired(home) as wiring:
            wiring.__dict__["scorer"] = HashScorer(version)
            for seed in range(1, BATCHES + 1):
                take_in(wiring, 40, seed=seed, authors=9, broken=1)
                publish_batches(wiring)
            yield wiring


@pytest.fixture(scope="module")
def by_the_new_scorer() -> dict[str, str]:
    with _installation("2") as wiring:
        return fingerprint(wiring)


def _replay(wiring: Wiring, seq: int, stages: Sequence[Stage]) -> None:
    with BatchRun(wiring, Requested(seq, plan_replay(wiring, seq)), "test") as run:
        for stage in stages:
            run.step(stage, [])


@pytest.mark.slow
@given(
    order=st.permutations(range(1, BATCHES + 1)),
    again=st.lists(st.integers(1, BATCHES), max_size=2),
    first=st.sampled_from(STAGES[:2]),
)
@settings(max_examples=3, deadline=None, derandomize=True, phases=[Phase.generate])
def test_rescoring_batch_by_batch_in_any_order_equals_a_fresh_installation(
    by_the_new_scorer: dict[str, str], order: list[int], again: list[int], first: Stage
) -> None:
    with _installation("1") as wiring:
        assert fingerprint(wiring) != by_the_new_scorer
        wiring.__dict__["scorer"] = HashScorer("2")
        for seq in (*order, *again):
            _replay(wiring, seq, STAGES[STAGES.index(first) :])
        assert fingerprint(wiring) == by_the_new_scorer


def test_rescoring_hours_in_one_run_equals_a_fresh_installation(by_the_new_scorer: dict[str, str]) -> None:
    with _installation("1") as wiring:
        wiring.__dict__["scorer"] = HashScorer("2")
        hours = sorted({batch.planned_hour for batch in wiring.ledger.batches()})
        with BatchRun(wiring, None, "test") as run:
            reports = [run.step(stage, hours) for stage in STAGES[1:]]
        assert all(len(report.batches) == BATCHES for report in reports)
        assert fingerprint(wiring) == by_the_new_scorer


@pytest.mark.slow
def test_a_replay_that_changes_nothing_gives_every_version_as_it_was(by_the_new_scorer: dict[str, str]) -> None:
    with _installation("2") as wiring:
        tables = (POST_SCORES, CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS)
        before = [wiring.lake.scan(table).collect().sort(table.key) for table in tables]
        for seq in (2, 1, 3):
            _replay(wiring, seq, STAGES)
        after = [wiring.lake.scan(table).collect().sort(table.key) for table in tables]
        assert all(new.select(old.columns).equals(old) for old, new in zip(before, after, strict=True))
        assert fingerprint(wiring) == by_the_new_scorer


def test_whoever_lost_their_last_post_keeps_no_profile() -> None:
    with _installation("1") as wiring:
        [batch] = [each for each in wiring.ledger.batches() if each.seq == 2]
        scores = wiring.lake.read_slice(POST_SCORES, batch.slice)
        lost = scores["subject_id"][0]
        for each in wiring.ledger.batches():
            held = wiring.lake.read_slice(POST_SCORES, each.slice)
            wiring.lake.replace_slice(POST_SCORES, held.filter(held["subject_id"] != lost), each.slice, lambda: None)
        _replay(wiring, 2, STAGES[2:])
        profiles = wiring.lake.scan(CUSTOMER_PROFILES).collect()
        assert lost not in set(profiles["subject_id"])
        assert lost not in set(wiring.lake.scan(EMOTIONAL_JOURNEYS).collect()["subject_id"])
        assert profiles.height > 0
