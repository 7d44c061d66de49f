"""Rescoring a time range with a new model is a backfill: exactly that range, and profiles as if it had always been so.

Three days of posts by the same people, planned in three hours; only the second day is scored again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import polars as pl
import pytest

from alphaads_pipelines.errors import OffsetsLost
from alphaads_pipelines.nlp.base import Scorer
from alphaads_pipelines.profiles.state import POSTS, decode
from alphaads_pipelines.runtime.backfill import backfill
from alphaads_pipelines.runtime.in_process import InProcess
from alphaads_pipelines.schema.tables import CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS, POST_SCORES, RAW_POSTS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import reading, sql_table
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.posts import START, synthetic_posts
from tests.equality import fingerprint
from tests.pipeline.scorers import HashScorer
from tests.planning import plan
from tests.publishing import publish_batches

DAY = timedelta(days=1)
POSTS_A_DAY = 60
SECOND_DAY = (START + DAY, START + 2 * DAY)


class OtherTier(HashScorer):
    """A scorer of another tier."""

    tier: ClassVar[str] = "other"


def _take_day(wiring: Wiring, day: int) -> None:
    """Posts of one day; each day has people of its own, too."""
    posts = list(synthetic_posts(POSTS_A_DAY, seed=day, authors=12, start=START + day * DAY, span_days=0.9))
    for post in posts[:10]:
        post["author_id"] = f"only-{day}-{post['author_id']}"
    wiring.intake.take("generic", posts, "c" * 32)


def _three_days(wiring: Wiring) -> None:
    """A batch for each day, planned two hours ago, an hour ago and now."""
    now = datetime.now(UTC)
    for day in range(3):
        _take_day(wiring, day)
        plan(wiring, now - timedelta(hours=2 - day))
        publish_batches(wiring)


def _use(wiring: Wiring, scorer: Scorer) -> None:
    """As if the installation had been started with another scorer."""
    wiring.__dict__["scorer"] = scorer


@pytest.fixture
def scored_by_the_old(jobs: InProcess) -> Wiring:
    _use(jobs.wiring, HashScorer("1"))
    _three_days(jobs.wiring)
    return jobs.wiring


@pytest.fixture(params=[HashScorer("2"), OtherTier("1")], ids=["another version", "another tier"])
def new(request: pytest.FixtureRequest) -> Scorer:
    scorer = request.param
    assert isinstance(scorer, Scorer)
    return scorer


@pytest.fixture
def never_otherwise(new: Scorer, settings: Settings) -> Iterator[dict[str, str]]:
    """An installation whose second day was scored by the new model from the start."""
    home = settings.alphaads_home.with_name("other")
    with wired(Settings(**{**settings.model_dump(), "alphaads_home": home, "alphaads_key_file": None})) as wiring:
        for day in range(3):
            _use(wiring, new if day == 1 else HashScorer("1"))
            _take_day(wiring, day)
            publish_batches(wiring)
        yield fingerprint(wiring)


def _scored_by(wiring: Wiring) -> dict[tuple[str, str, str], set[int]]:
    """(tier, model, version) -> the days whose posts it scored."""
    scores = wiring.lake.scan(POST_SCORES).collect()
    days = (scores["created_at"].dt.date() - START.date()).dt.total_days()
    columns = (*(scores[name] for name in ("tier", "model_name", "model_version")), days)
    found: dict[tuple[str, str, str], set[int]] = {}
    for tier, name, version, day in zip(*columns, strict=True):
        found.setdefault((tier, name, version), set()).add(day)
    return found


def _counted(wiring: Wiring) -> int:
    """Posts in the published profiles."""
    with reading(wiring.engine) as connection:
        states = [decode(row.state) for row in connection.execute(sql_table("live_profiles").select())]
    return sum(counts[POSTS] for state in states for counts in state.hours.values())


def test_exactly_that_range_is_rescored_and_profiles_are_as_if_it_had_always_been_so(
    scored_by_the_old: Wiring, new: Scorer, never_otherwise: dict[str, str]
) -> None:
    wiring = scored_by_the_old
    assert fingerprint(wiring) != never_otherwise
    _use(wiring, new)
    done = backfill(wiring, *SECOND_DAY, first_asset="post_scores")
    assert (len(done.hours), done.batches) == (1, 1)
    model = new.model
    assert _scored_by(wiring) == {("hash", "hash", "1"): {0, 2}, (new.tier, model.name, model.version): {1}}
    assert fingerprint(wiring) == never_otherwise
    assert _counted(wiring) == wiring.lake.scan(POST_SCORES).collect().height == 3 * POSTS_A_DAY


def test_the_rest_is_left_alone_to_the_last_column(scored_by_the_old: Wiring) -> None:
    wiring = scored_by_the_old
    [day] = [batch.seq for batch in wiring.ledger.batches() if batch.seq == 2]
    touched = wiring.lake.scan(POST_SCORES).filter(pl.col("batch_seq") == day).collect()["subject_id"].unique()

    def untouched() -> list[pl.DataFrame]:
        scores = wiring.lake.scan(POST_SCORES).filter(pl.col("batch_seq") != day).collect().sort("post_key")
        people = [
            wiring.lake.scan(table).collect().sort(table.key) for table in (CUSTOMER_PROFILES, EMOTIONAL_JOURNEYS)
        ]
        return [scores, *(rows.filter(~rows["subject_id"].is_in(touched.implode())) for rows in people)]

    before = untouched()
    assert all(rows.height > 0 for rows in before)
    _use(wiring, HashScorer("2"))
    backfill(wiring, *SECOND_DAY, first_asset="post_scores")
    assert all(new.equals(old) for new, old in zip(untouched(), before, strict=True))


def test_rescoring_twice_is_rescoring_once(scored_by_the_old: Wiring) -> None:
    wiring = scored_by_the_old
    _use(wiring, HashScorer("2"))
    backfill(wiring, *SECOND_DAY, first_asset="post_scores")
    once = fingerprint(wiring)
    backfill(wiring, *SECOND_DAY, first_asset="post_scores")
    assert fingerprint(wiring) == once
    assert _counted(wiring) == 3 * POSTS_A_DAY


def test_rescoring_reads_the_sealed_posts_of_the_lake_and_not_the_stream(
    scored_by_the_old: Wiring, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring = scored_by_the_old
    version = wiring.lake.version(RAW_POSTS)

    def unwanted(*_: object) -> None:
        raise AssertionError("the stream was read")

    monkeypatch.setattr(type(wiring.stream), "read", unwanted)
    _use(wiring, HashScorer("2"))
    backfill(wiring, *SECOND_DAY, first_asset="post_scores")
    assert _scored_by(wiring)["hash", "hash", "2"] == {1}
    assert wiring.lake.version(RAW_POSTS) == version


@pytest.mark.parametrize("held", [True, False], ids=["held by the stream", "trimmed"])
def test_a_backfill_from_raw_posts_reads_the_stream_while_it_is_held_and_the_lake_then(
    scored_by_the_old: Wiring, held: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring, topic = scored_by_the_old, scored_by_the_old.settings.posts_topic
    _use(wiring, HashScorer("2"))
    read: list[str] = []
    original = type(wiring.stream).read

    def observed(stream: object, ranges: object) -> object:
        try:
            records = list(original(stream, ranges))
        except OffsetsLost:
            read.append("lost")
            raise
        read.append("held")
        return iter(records)

    monkeypatch.setattr(type(wiring.stream), "read", observed)
    if not held:
        wiring.stream.trim(topic, wiring.stream.end_offsets(topic))
    backfill(wiring, *SECOND_DAY)
    assert read == ["held" if held else "lost"]
    assert _scored_by(wiring) == {("hash", "hash", "1"): {0, 2}, ("hash", "hash", "2"): {1}}
    assert _counted(wiring) == 3 * POSTS_A_DAY
    assert wiring.ledger.stuck() == []
