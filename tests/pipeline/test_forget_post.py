"""A forgotten post is as if it had never been here: in tables, profiles and files, beside batches and after a kill."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from alphaads_pipelines.errors import NotFound, StoreUnavailable, WriteConflict
from alphaads_pipelines.ingest.find_post import FoundPost, find_post, keys_of, parse_post
from alphaads_pipelines.pipeline import forget_post as work
from alphaads_pipelines.pipeline.batch_run import BatchRun, Requested, plan_replay
from alphaads_pipelines.pipeline.forget_post import Forgotten, forget_post
from alphaads_pipelines.pipeline.stages import STAGES
from alphaads_pipelines.profiles.state import empty, encode
from alphaads_pipelines.schema.tables import (
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    POST_ENTITIES,
    POST_SCORES,
    RAW_POSTS,
)
from alphaads_pipelines.stores.sql.relational import reading, select_in
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.posts import synthetic_posts
from tests.decisions.recorded import advertise, record
from tests.equality import fingerprint
from tests.pipeline.forgetting import PLACES, die_behind, settings_of
from tests.pipeline.scorers import HashScorer
from tests.publishing import publish_batches

BATCHES, POSTS, AUTHORS = 3, 30, 5
START = datetime.now(UTC) - timedelta(days=1)
GONE = "generic:s2-11"
OTHERS = ("generic:s1-0", "generic:s3-29")
POST_TABLES = (RAW_POSTS, POST_SCORES, POST_ENTITIES)


def payloads(seed: int, without: Sequence[str] = ()) -> list[dict[str, Any]]:
    posts = synthetic_posts(POSTS, seed=seed, authors=AUTHORS, start=START, span_days=0.5)
    return [each for each in posts if f"generic:{each['id']}" not in without]


@contextmanager
def opened(folder: Path) -> Iterator[Wiring]:
    """The wiring of an installation that is filled already."""
    with wired(settings_of(folder)) as wiring:
        wiring.__dict__["scorer"] = HashScorer("1")
        yield wiring


@contextmanager
def installation(folder: Path, without: Sequence[str] = ()) -> Iterator[Wiring]:
    """Three published batches of the same few people; `without` were never written."""
    with opened(folder) as wiring:
        for seed in range(1, BATCHES + 1):
            wiring.intake.take("generic", payloads(seed, without), "0" * 32)
            publish_batches(wiring)
        yield wiring


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    with installation(folder):
        return folder


@pytest.fixture
def home(filled: Path, tmp_path: Path) -> Iterator[Wiring]:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    with opened(tmp_path) as wiring:
        yield wiring


@pytest.fixture(scope="module")
def never_there(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The fingerprint of an installation that GONE never came into."""
    with installation(tmp_path_factory.mktemp("never"), [GONE]) as wiring:
        return fingerprint(wiring)


def found(wiring: Wiring, post: str) -> list[FoundPost]:
    keys = keys_of(wiring.pseudonyms, *parse_post(post))
    return find_post(wiring.engine, wiring.ledger, wiring.lake, wiring.topics.posts, keys)


def forgotten(wiring: Wiring, post: str = GONE, patience_s: float = 120.0, told: list[str] | None = None) -> Forgotten:
    keys = keys_of(wiring.pseudonyms, *parse_post(post))
    note = (lambda who: told.extend(who)) if told is not None else (lambda _: None)
    return forget_post(wiring, keys, note, patience_s)


def replay(wiring: Wiring, seq: int) -> None:
    with BatchRun(wiring, Requested(seq, plan_replay(wiring, seq)), "test") as run:
        for stage in STAGES:
            run.step(stage, [])


def test_forgetting_one_post_equals_never_having_taken_it_in(home: Wiring, never_there: dict[str, str]) -> None:
    assert fingerprint(home) != never_there
    [post] = found(home, GONE)
    told: list[str] = []
    done = forgotten(home, told=told)
    assert (done.was_here, done.records, told) == (True, 1, [post.subject_id])
    assert (done.rows[RAW_POSTS.name], done.rows[POST_SCORES.name]) == (1, 1)
    assert fingerprint(home) == never_there
    batch = home.ledger.get(post.batch.seq)
    assert batch.counts is not None
    assert (batch.state, batch.counts.read, batch.counts.accepted, batch.counts.duplicates) == (
        "committed", POSTS, POSTS - 1, 1,
    )  # fmt: skip
    with pytest.raises(NotFound):
        found(home, GONE)


def test_several_in_any_order_and_twice(home: Wiring, tmp_path_factory: pytest.TempPathFactory) -> None:
    for post in (OTHERS[1], GONE, OTHERS[0]):
        assert forgotten(home, post).was_here
    again = forgotten(home)
    assert (again.was_here, again.touched, again.records, again.rows) == (False, None, 0, {})
    with installation(tmp_path_factory.mktemp("never"), [GONE, *OTHERS]) as clean:
        assert fingerprint(home) == fingerprint(clean)


def test_it_does_not_come_in_again(home: Wiring, never_there: dict[str, str]) -> None:
    forgotten(home)
    replay(home, 2)
    replay(home, 1)
    home.intake.take("generic", payloads(2), "0" * 32)
    publish_batches(home)
    assert fingerprint(home) == never_there


def test_a_post_that_was_deleted_before_it_came_never_does(home: Wiring) -> None:
    before = fingerprint(home)
    told: list[str] = []
    early = forgotten(home, "generic:late", told=told)
    assert (early.was_here, early.rows, told) == (False, {}, [])
    late = {**payloads(1)[0], "id": "late"}
    home.intake.take("generic", [late, {**late, "version": 1, "text": "edited"}], "0" * 32)
    publish_batches(home)
    assert fingerprint(home) == before


def test_edits_go_with_the_post(home: Wiring, never_there: dict[str, str]) -> None:
    [payload] = [each for each in payloads(2) if f"generic:{each['id']}" == GONE]
    home.intake.take("generic", [{**payload, "version": 1, "text": "I changed my mind"}], "0" * 32)
    publish_batches(home)
    assert [post.version for post in found(home, GONE)] == [0, 1]
    assert forgotten(home).rows[RAW_POSTS.name] == 2
    assert fingerprint(home) == never_there


def test_whoever_has_no_other_post_is_left_with_an_empty_profile(home: Wiring) -> None:
    only = {**payloads(1)[0], "id": "only", "author_id": "solo", "author_name": "Solo"}
    home.intake.take("generic", [only], "0" * 32)
    publish_batches(home)
    [post] = found(home, "generic:only")
    forgotten(home, "generic:only")
    for table in (CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS):
        assert post.subject_id not in set(home.lake.scan(table).collect()["subject_id"])
    with reading(home.engine) as connection:
        [live] = select_in(connection, "live_profiles", "subject_id", [post.subject_id])
    assert bytes(live.state) == encode(empty())


def test_it_is_on_no_disk_any_more(home: Wiring) -> None:
    replay(home, 2)  # leaves an older version of every file
    [post] = found(home, GONE)
    [record_] = [each for chunk in home.stream.read([post.place]) for each in chunk]
    mark, lake = record_.value[-48:], Path(home.settings.lake_path)
    assert _files_with(lake, post.post_key) > 1
    assert any(mark in each.read_bytes() for each in Path(home.settings.stream_path).glob("*.db*"))
    forgotten(home)
    assert _files_with(lake, post.post_key) == 0
    assert not any(mark in each.read_bytes() for each in Path(home.settings.stream_path).glob("*.db*"))


def _files_with(lake: Path, post_key: bytes) -> int:
    files = [path for table in POST_TABLES for path in (lake / table.name).rglob("part-*.parquet")]
    return sum(post_key in pq.read_table(path, columns=["post_key"])["post_key"].to_pylist() for path in files)


def test_other_peoples_rows_do_not_change(home: Wiring) -> None:
    [post] = found(home, GONE)
    tables = (*POST_TABLES, CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS)
    before = {table.name: _of_others(home, table, post.subject_id) for table in tables}
    forgotten(home)
    for table in tables:
        assert _of_others(home, table, post.subject_id).equals(before[table.name]), table.name


def _of_others(wiring: Wiring, table: Any, subject: str) -> Any:
    rows = wiring.lake.scan(table).collect()
    return rows.filter(rows["subject_id"] != subject).sort(table.key)


def test_what_it_touched_is_told_before_it_is_gone(home: Wiring) -> None:
    now = datetime.now(UTC)
    advertise(home, now)
    posts = [f"generic:{each['id']}" for each in payloads(3)]
    weighing = next(post for post in posts if _emotion(home, found(home, post)[0]) is not None)
    made = record(home, 1, datetime.now(UTC), found(home, weighing)[0].subject_id, personalisation="mood")
    touched = forgotten(home, weighing).touched
    assert touched is not None
    assert [each.decision_id for each in touched.decisions] == [made.decision_id]
    assert [each.creative_id for each in touched.creatives] == [made.row["arm_id"]]


def _emotion(wiring: Wiring, post: FoundPost) -> str | None:
    scores = wiring.lake.scan(POST_SCORES).collect()
    emotion: str | None = scores.filter(pl.col("post_key") == post.post_key)["emotion"][0]
    return emotion


def test_beside_a_running_batch_it_waits_and_the_key_holds_meanwhile(home: Wiring, never_there: dict[str, str]) -> None:
    attempt = plan_replay(home, 2)
    with BatchRun(home, Requested(2, attempt), "test") as run:
        run.step(STAGES[0], [])
        with pytest.raises(WriteConflict):
            forgotten(home, patience_s=0.3)
        for stage in STAGES[1:]:
            run.step(stage, [])
    assert forgotten(home).was_here
    assert fingerprint(home) == never_there


def test_a_failure_leaves_the_batch_to_the_ledger(
    home: Wiring, never_there: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnavailable("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(work, "publish", fail)
        with pytest.raises(StoreUnavailable):
            forgotten(home)
    assert home.ledger.get(2).state == "planned"
    _settle(home)
    assert fingerprint(home) == never_there


@pytest.mark.parametrize("place", PLACES)
def test_killed_anywhere_it_is_finished_by_whoever_comes_next(
    filled: Path, tmp_path: Path, place: str, never_there: dict[str, str]
) -> None:
    shutil.copytree(filled, tmp_path, dirs_exist_ok=True)
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.pipeline.forgetting"])
    process = context.Process(target=die_behind, args=(place, GONE, tmp_path))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    with opened(tmp_path) as wiring:
        if place in ("forget_keys", "_remove_records"):
            assert forgotten(wiring).was_here, "nothing was planned yet: whoever asked asks again"
        _settle(wiring)
        assert fingerprint(wiring) == never_there
        assert not forgotten(wiring).was_here


def _settle(wiring: Wiring) -> None:
    """What daemon and workers do with what is left, once the lease of who died is over."""
    deadline = time.monotonic() + 120
    while wiring.ledger.batches(state="committed", limit=99) != wiring.ledger.batches(limit=99):
        assert time.monotonic() < deadline, "the ledger does not go on"
        publish_batches(wiring)
        time.sleep(0.1)
