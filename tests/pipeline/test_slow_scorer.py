"""A slow model: the lease is renewed, a fenced attempt stops, memory and the next batches stay small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from alphaads_pipelines.errors import Fenced
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.ingest.planning import LEAST_POSTS
from alphaads_pipelines.nlp.base import Score
from alphaads_pipelines.pipeline import microbatch
from alphaads_pipelines.pipeline.batch_run import BatchRun, Requested
from alphaads_pipelines.pipeline.stages import STAGES, Stage
from alphaads_pipelines.runtime.in_process import InProcess, run_until_idle
from alphaads_pipelines.schema.tables import POST_SCORES
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.wiring.app import Wiring
from benchmarks.live import wait_until
from tests.equality import fingerprint
from tests.pipeline.scorers import DisturbedScorer
from tests.planning import due, take_in
from tests.publishing import publish_batches

POSTS, AT_ONCE = 120, 25
LEASE_S = 2.0


class CountingScorer(DisturbedScorer):
    """Remembers how many texts it was given at once."""

    given: list[int]

    def score(self, texts: Sequence[str]) -> list[Score]:
        self.given = [*getattr(self, "given", []), len(texts)]
        return super().score(texts)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"batch_lease_s": LEASE_S, "batches_in_flight": 1})


@pytest.fixture
def scorer(wiring: Wiring, monkeypatch: pytest.MonkeyPatch) -> CountingScorer:
    monkeypatch.setattr(microbatch, "SCORED_AT_ONCE", AT_ONCE)
    disturbed = CountingScorer(wiring.scorer, lambda: None)
    wiring.__dict__["scorer"] = disturbed
    return disturbed


def _planned(wiring: Wiring) -> Batch:
    take_in(wiring, POSTS)
    [batch] = due(wiring)
    return batch


def _run(wiring: Wiring, batch: Batch, before_part: Callable[[int], None], scorer: CountingScorer) -> None:
    scorer._disturb = lambda: before_part(len(scorer.given))
    with BatchRun(wiring, Requested(batch.seq, batch.attempt), "run-1") as run:
        for stage in STAGES:
            run.step(stage, [])


@pytest.mark.slow
def test_a_call_longer_than_two_leases_keeps_the_batch(wiring: Wiring, scorer: CountingScorer) -> None:
    batch = _planned(wiring)
    leases: set[datetime | None] = set()

    def linger(part: int) -> None:
        """One call goes on for nine heartbeats, four of which are a lease, while a planner looks on."""

        def nine_heartbeats() -> bool:
            assert wiring.ledger.due(datetime.now(UTC), lambda _: False) == []
            leases.add(wiring.ledger.get(batch.seq).lease_until)
            return len(leases) > 9

        if part == 2:
            wait_until(nine_heartbeats, "heartbeats", 300.0, poll_s=0.05)

    _run(wiring, batch, linger, scorer)
    after = wiring.ledger.get(batch.seq)
    assert (after.state, after.attempt, after.failures) == ("committed", 1, 0)


def test_whoever_lost_the_batch_stops_at_the_next_part(wiring: Wiring, scorer: CountingScorer) -> None:
    batch = _planned(wiring)

    def lose(part: int) -> None:
        if part == 2:
            wiring.ledger.fail(wiring.ledger.get(batch.seq), "interrupted", datetime.now(UTC))

    with pytest.raises(Fenced):
        _run(wiring, batch, lose, scorer)
    assert scorer.given == [AT_ONCE] * 2
    assert wiring.lake.version(POST_SCORES) is None


def test_a_batch_is_scored_part_by_part_and_equals_one_scored_whole(
    wiring: Wiring, scorer: CountingScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run(wiring, _planned(wiring), lambda _: None, scorer)
    assert scorer.given == [AT_ONCE] * 4 + [POSTS - 4 * AT_ONCE]
    in_parts = fingerprint(wiring)
    monkeypatch.setattr(microbatch, "SCORED_AT_ONCE", 1_000)
    seq = wiring.ledger.batches()[0].seq
    [again] = wiring.ledger.replay([seq], datetime.now(UTC), by_caller=True)
    with BatchRun(wiring, Requested(seq, again.attempt), "run-2") as run:
        for stage in STAGES[STAGES.index(Stage.SCORE) :]:
            run.step(stage, [])
    assert scorer.given[-1] == POSTS
    assert fingerprint(wiring) == in_parts


def test_a_batch_without_a_post_is_scored_too(wiring: Wiring, scorer: CountingScorer) -> None:
    take_in(wiring, 0, broken=3)
    publish_batches(wiring)
    assert wiring.lake.scan(POST_SCORES).collect().height == 0
    assert wiring.lake.version(POST_SCORES) is not None


@pytest.mark.slow
def test_after_a_slow_batch_the_backlog_is_taken_in_small_ones(jobs: InProcess, scorer: CountingScorer) -> None:
    wiring = jobs.wiring
    hardly_any_time = replace(wiring.ledger.limits, max_posts=350, target_s=0.001)
    wiring.ledger.limits = hardly_any_time
    take_in(wiring, 3 * LEAST_POSTS + 350)
    done = run_until_idle(wiring)
    sizes = [batch.offsets for batch in reversed(wiring.ledger.batches())]
    assert sizes == [350, *[LEAST_POSTS] * 3]
    assert (done.accepted, done.waiting) == (sum(sizes), [])
    assert wiring.ledger.gaps() == []
