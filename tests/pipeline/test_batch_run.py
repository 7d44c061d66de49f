"""What one run works on: handed back when it fails, fenced when it is overtaken, replayed batch by batch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import polars as pl
import pytest

from alphaads_pipelines.errors import (
    AlphaAdsError,
    Fenced,
    InvalidRequest,
    NotFound,
    OffsetsLost,
    PermanentError,
    StoreUnavailable,
    StreamUnavailable,
)
from alphaads_pipelines.ingest.batches import Batch
from alphaads_pipelines.pipeline.batch_run import BatchRun, Requested, committed_batches, plan_replay
from alphaads_pipelines.pipeline.stages import STAGES, Stage
from alphaads_pipelines.schema.tables import LAKE_TABLES, POST_SCORES, RAW_POSTS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.posts import synthetic_posts
from tests.equality import fingerprint
from tests.pipeline.scorers import DisturbedScorer, MistakenScorer


def _raising(error: BaseException) -> Callable[[], None]:
    def disturb() -> None:
        raise error

    return disturb


def _take(wiring: Wiring, posts: int = 120, seed: int = 3) -> None:
    wiring.intake.take("generic", list(synthetic_posts(posts, seed=seed, authors=20)), "c" * 32)


def _planned(wiring: Wiring) -> Batch:
    topic = wiring.topics.posts
    wiring.ledger.plan(wiring.stream.end_offsets(topic), datetime.now(UTC))
    [batch] = wiring.ledger.batches(state="planned")
    return batch


def _run(wiring: Wiring, batch: Batch) -> BatchRun:
    return BatchRun(wiring, Requested(batch.seq, batch.attempt), "run-1")


def _commit(wiring: Wiring, posts: int = 120, seed: int = 3) -> Batch:
    _take(wiring, posts, seed)
    batch = _planned(wiring)
    with _run(wiring, batch) as run:
        for stage in STAGES:
            run.step(stage, [])
    return wiring.ledger.get(batch.seq)


def _tables(wiring: Wiring) -> dict[str, pl.DataFrame]:
    """Every row of every lake table, to the last column."""
    frames = {table.name: wiring.lake.scan(table).collect() for table in LAKE_TABLES}
    return {table.name: frames[table.name].sort(table.key) for table in LAKE_TABLES}


def _same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return all(one[name].equals(other[name]) for name in one)


def _versions(wiring: Wiring) -> dict[str, int | None]:
    return {table.name: wiring.lake.version(table) for table in LAKE_TABLES}


@pytest.fixture
def undisturbed(settings: Settings) -> Iterator[dict[str, str]]:
    """What the tables say when nothing happens."""
    home = settings.alphaads_home.with_name("calm")
    with wired(Settings(**{**settings.model_dump(), "alphaads_home": home, "alphaads_key_file": None})) as calm:
        _commit(calm)
        yield fingerprint(calm)


def test_a_batch_goes_all_the_way(wiring: Wiring) -> None:
    _take(wiring)
    batch = _planned(wiring)
    with _run(wiring, batch) as run:
        reports = {stage: run.step(stage, []) for stage in STAGES}
    assert wiring.ledger.get(batch.seq).state == "committed"
    accepted = reports[Stage.ACCEPT]
    assert accepted.figures == {"read": 120, "accepted": 120, "rejected": 0, "duplicates": 0}
    assert accepted.tables["raw_posts"].rows == 120
    assert accepted.correlation_ids == ("c" * 32,)
    assert accepted.batches == (batch.id,)
    assert sum(end - start for _, start, end in accepted.offsets) == 120
    scored = reports[Stage.SCORE]
    assert scored.figures["posts"] == 120
    assert scored.tables["post_scores"].version == wiring.lake.version(POST_SCORES)
    assert reports[Stage.FOLD].figures["new_subjects"] == reports[Stage.PUBLISH].figures["subjects"]
    with reading(wiring.engine) as connection:
        pointers = connection.execute(sql_table("published").select()).all()
    written = {name: version for name, version in _versions(wiring).items() if version is not None}
    assert len(written) == 6
    assert [row.versions for row in pointers] == [written] * wiring.settings.shards


FAILURES = [
    (StoreUnavailable("full"), "store_unavailable", 0),
    (StreamUnavailable("away"), "stream_unavailable", 0),
    (ValueError("a bug: PlantedText"), "ValueError", 1),
    (KeyboardInterrupt(), "interrupted", 0),
]


@pytest.mark.parametrize(("error", "code", "failures"), FAILURES)
def test_a_failing_step_hands_the_batch_back_with_its_code(
    wiring: Wiring, error: BaseException, code: str, failures: int, undisturbed: dict[str, str]
) -> None:
    _take(wiring)
    batch, scorer = _planned(wiring), wiring.scorer
    wiring.scorer = DisturbedScorer(scorer, _raising(error))
    with _run(wiring, batch) as run:
        run.step(Stage.ACCEPT, [])
        with pytest.raises((type(error), PermanentError)) as raised:
            run.step(Stage.SCORE, [])
    assert "PlantedText" not in str(raised.value), "a bug's message may hold what a person wrote"
    after = wiring.ledger.get(batch.seq)
    assert (after.state, after.attempt, after.error, after.failures) == ("planned", 2, code, failures)
    wiring.scorer = scorer
    with _run(wiring, after) as again:
        for stage in STAGES:
            again.step(stage, [])
    assert fingerprint(wiring) == undisturbed


def test_a_run_that_ends_early_hands_its_batch_back(wiring: Wiring) -> None:
    _take(wiring)
    batch = _planned(wiring)
    with _run(wiring, batch) as run:
        run.step(Stage.ACCEPT, [])
    after = wiring.ledger.get(batch.seq)
    assert (after.state, after.attempt, after.error, after.failures) == ("planned", 2, "interrupted", 0)


def test_records_that_retention_took_are_a_loss_and_no_failure(wiring: Wiring) -> None:
    _take(wiring)
    batch = _planned(wiring)
    wiring.stream.trim(wiring.topics.posts, {each.partition: each.end for each in batch.ranges})
    with _run(wiring, batch) as run, pytest.raises(OffsetsLost):
        run.step(Stage.ACCEPT, [])
    assert wiring.ledger.get(batch.seq).state == "lost"


def test_rows_that_break_a_contract_are_not_written(wiring: Wiring) -> None:
    _take(wiring)
    batch = _planned(wiring)
    wiring.scorer = MistakenScorer(wiring.scorer, lambda: None)
    with _run(wiring, batch) as run:
        run.step(Stage.ACCEPT, [])
        report = run.step(Stage.SCORE, [])
    assert report.problems == ("sentiment: 120 unknown labels",)
    assert report.tables["post_scores"].version is None
    assert wiring.lake.version(POST_SCORES) is None
    after = wiring.ledger.get(batch.seq)
    assert (after.state, after.attempt, after.error) == ("planned", 2, "schema_mismatch")


def _overtake(wiring: Wiring, batch: Batch) -> None:
    """Somebody else gets the batch, and finishes it."""
    running = wiring.ledger.get(batch.seq)
    wiring.ledger.fail(running, "interrupted", datetime.now(UTC))
    with _run(wiring, wiring.ledger.get(batch.seq)) as other:
        for stage in STAGES:
            other.step(stage, [])


@pytest.mark.parametrize("done", [1, 2, 3])
def test_an_overtaken_attempt_writes_nothing_more(wiring: Wiring, done: int) -> None:
    _take(wiring)
    batch = _planned(wiring)
    with _run(wiring, batch) as run:
        for stage in STAGES[:done]:
            run.step(stage, [])
        _overtake(wiring, batch)
        versions, tables, said = _versions(wiring), _tables(wiring), fingerprint(wiring)
        with pytest.raises(Fenced):
            run.step(STAGES[done], [])
    assert _versions(wiring) == versions
    assert _same(_tables(wiring), tables)
    assert fingerprint(wiring) == said
    assert wiring.ledger.get(batch.seq).state == "committed", "nor does it hand back what is not its own"


def test_an_attempt_that_is_not_the_latest_cannot_begin(wiring: Wiring) -> None:
    _take(wiring)
    batch = _planned(wiring)
    wiring.ledger.fail(batch, "interrupted", datetime.now(UTC))
    with _run(wiring, batch) as late, pytest.raises(Fenced):
        late.step(Stage.ACCEPT, [])
    assert wiring.lake.version(RAW_POSTS) is None
    assert wiring.ledger.get(batch.seq).attempt == 2


@pytest.mark.parametrize("first", STAGES)
def test_running_committed_hours_again_gives_the_same_tables(wiring: Wiring, first: Stage) -> None:
    batches = [_commit(wiring, seed=seed) for seed in (3, 4)]
    before, said = _tables(wiring), fingerprint(wiring)
    with BatchRun(wiring, None, "run-2") as replay:
        reports = {stage: replay.step(stage, [batches[0].planned_hour]) for stage in STAGES[STAGES.index(first) :]}
    assert _same(_tables(wiring), before)
    assert fingerprint(wiring) == said
    assert reports[first].batches == tuple(batch.id for batch in batches)
    assert [wiring.ledger.get(batch.seq).attempt for batch in batches] == [2, 2]
    assert {wiring.ledger.get(batch.seq).state for batch in batches} == {"committed"}


def test_hours_are_replayed_one_batch_at_a_time(wiring: Wiring) -> None:
    batches = [_commit(wiring, seed=seed) for seed in (3, 4, 5)]
    seen: list[tuple[list[int], list[str]]] = []

    def look() -> None:
        running = [batch.seq for batch in wiring.ledger.batches(state="running")]
        seen.append((running, [wiring.ledger.get(batch.seq).state for batch in batches]))

    wiring.scorer = DisturbedScorer(wiring.scorer, look)
    with BatchRun(wiring, None, "run-2") as replay:
        report = replay.step(Stage.ACCEPT, [batches[0].planned_hour])
    assert [running for running, _ in seen] == [[batch.seq] for batch in batches]
    assert seen[1][1] == ["committed", "running", "committed"]
    assert report.figures["read"] == 360


def test_a_replay_that_fails_leaves_the_batches_before_and_after_committed(wiring: Wiring) -> None:
    batches = [_commit(wiring, seed=seed) for seed in (3, 4, 5)]
    calls: list[int] = []

    def fail_at_the_second() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise StoreUnavailable("full")

    wiring.scorer = DisturbedScorer(wiring.scorer, fail_at_the_second)
    with BatchRun(wiring, None, "run-2") as replay, pytest.raises(StoreUnavailable):
        replay.step(Stage.ACCEPT, [batches[0].planned_hour])
    after = [wiring.ledger.get(batch.seq) for batch in batches]
    assert [(each.state, each.attempt) for each in after] == [("committed", 2), ("planned", 3), ("committed", 1)]


def test_a_replay_that_breaks_a_contract_says_so(wiring: Wiring) -> None:
    batch = _commit(wiring)
    before = _tables(wiring)
    wiring.scorer = MistakenScorer(wiring.scorer, lambda: None)
    with BatchRun(wiring, None, "run-2") as replay:
        assert replay.step(Stage.ACCEPT, [batch.planned_hour]).problems == ()
        assert replay.step(Stage.SCORE, [batch.planned_hour]).problems == ("sentiment: 120 unknown labels",)
    assert _same(_tables(wiring), before)
    after = wiring.ledger.get(batch.seq)
    assert (after.state, after.error) == ("planned", "schema_mismatch")


def test_a_replay_needs_hours_and_finds_only_their_batches(wiring: Wiring) -> None:
    batch = _commit(wiring)
    with BatchRun(wiring, None, "run-2") as replay, pytest.raises(InvalidRequest):
        replay.step(Stage.ACCEPT, [])
    assert committed_batches(wiring, ["2020-01-01-00:00"]) == []
    assert committed_batches(wiring, ["2020-01-01-00:00", batch.planned_hour]) == [batch.seq]
    with BatchRun(wiring, None, "run-3") as replay:
        assert replay.step(Stage.ACCEPT, ["2020-01-01-00:00"]).batches == ()


def test_a_replay_waits_for_the_partitions_of_a_running_batch(wiring: Wiring) -> None:
    first = _commit(wiring)
    _take(wiring, seed=4)
    second = _planned(wiring)
    running = wiring.ledger.claim(second.seq, second.attempt, "somebody", datetime.now(UTC))
    freed = threading.Timer(0.3, lambda: wiring.ledger.lose(running, datetime.now(UTC)))
    freed.start()
    outcome: list[AlphaAdsError | int] = []
    waiting = threading.Thread(target=lambda: outcome.append(plan_replay(wiring, first.seq)))
    waiting.start()
    freed.join()
    waiting.join(0.3)
    assert outcome == [], "a lost batch holds its partitions until a person decides"
    wiring.ledger.resume_after_loss(second.seq, {}, datetime.now(UTC))
    again = wiring.ledger.get(second.seq)
    with _run(wiring, again) as run:
        for stage in STAGES:
            run.step(stage, [])
    waiting.join(300)
    assert outcome == [2]


def test_what_waits_for_a_person_is_not_replayed(wiring: Wiring) -> None:
    _take(wiring)
    batch = _planned(wiring)
    wiring.ledger.lose(batch, datetime.now(UTC))
    with pytest.raises(InvalidRequest, match="waits for a person"):
        plan_replay(wiring, batch.seq)
    with pytest.raises(NotFound):
        plan_replay(wiring, 999)
