"""The hourly jobs: creatives written and moderated, the policy taught exactly once whatever dies or races."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import orjson
import polars as pl
import pytest
from sqlalchemy import Connection, Engine, event

from alphaads_pipelines.bandits.thompson import ThompsonPolicy
from alphaads_pipelines.creatives.base import Brief, Creative, Generator
from alphaads_pipelines.creatives.campaigns import sample_briefs
from alphaads_pipelines.creatives.templates import TemplateGenerator
from alphaads_pipelines.decisions.decide import DecisionRequest, decide
from alphaads_pipelines.decisions.snapshot import SnapshotReader
from alphaads_pipelines.errors import NotFound, StoreUnavailable, WriteConflict
from alphaads_pipelines.ingest.publish import read_document
from alphaads_pipelines.pipeline.advertising import CREATIVES, POLICY, Learned, learn_policy, refresh_creatives
from alphaads_pipelines.schema import Table
from alphaads_pipelines.stores.base import Lake
from alphaads_pipelines.stores.delta import DeltaLake
from alphaads_pipelines.stores.permissions import Permission
from alphaads_pipelines.streams.base import OffsetRange, Record, StoredRecord, Stream
from alphaads_pipelines.streams.embedded import EmbeddedStream
from alphaads_pipelines.tables import AD_CREATIVES, BANDIT_POLICY
from alphaads_pipelines.wiring import Wiring

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
DECISIONS, EVENTS = "ads.decisions", "ads.events"
JOY = [brief for brief in sample_briefs() if brief.emotion == "joy"]


class ShoutingGenerator(Generator):
    """Beside every creative of the templates one that must not be served."""

    name: ClassVar[str] = "shouting"

    def generate(self, brief: Brief) -> list[Creative]:
        [fine] = TemplateGenerator().generate(brief)
        return [fine, replace(fine, creative_id=f"bad-{fine.creative_id}", body="Guaranteed miracle!")]


class FailingLake(DeltaLake):
    """A disk that is full when the history is to be written."""

    def append(self, table: Table, rows: pl.DataFrame) -> int:
        raise StoreUnavailable("the disk is full")


class MeetingStream(EmbeddedStream):
    """Readers wait for each other, so that both have read before either publishes."""

    def __init__(self, path: Path, readers: int) -> None:
        super().__init__(path)
        self.meeting = threading.Barrier(readers, timeout=20)

    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[list[StoredRecord]]:
        found = list(super().read(ranges))
        self.meeting.wait()
        return iter(found)


@dataclass
class Ads:
    """An installation's streams of decisions and events, and whoever learns from them."""

    stream: Stream
    lake: Lake
    engine: Engine
    spread: int = field(default=0)

    def tell(self, topic: str, *records: Mapping[str, Any] | bytes) -> None:
        values = [record if isinstance(record, bytes) else orjson.dumps(record) for record in records]
        self.stream.produce(topic, [Record((self.spread + n) % 4, value) for n, value in enumerate(values)])
        self.spread += len(values)

    def decided(self, *keys: str, arm: str = "arm-a") -> None:
        self.tell(DECISIONS, *({"decision_id": k, "arm_id": arm, "decided_at": NOON.isoformat()} for k in keys))

    def happened(self, kind: str, *keys: str) -> None:
        self.tell(EVENTS, *({"decision_id": k, "kind": kind, "occurred_at": NOON.isoformat()} for k in keys))

    def learn(self, now: datetime = NOON) -> Learned:
        topics = {"decisions_topic": DECISIONS, "events_topic": EVENTS}
        return learn_policy(self.stream, self.lake, self.engine, **topics, now=now)

    def counts(self) -> dict[str, list[int]]:
        """What the published policy has learned: {arm: [pulls, rewards]}."""
        _, document = read_document(self.engine, POLICY)
        return dict(document["state"]["arms"])

    def history(self) -> list[tuple[Any, ...]]:
        frame = self.lake.scan(BANDIT_POLICY).select("version", "arm_id", "pulls", "rewards", "alpha", "beta")
        return sorted(frame.collect().rows())


@pytest.fixture
def ads(wiring: Wiring) -> Ads:
    return Ads(wiring.stream, wiring.lake, wiring.engine)


def test_creatives_are_written_moderated_and_published(wiring: Wiring) -> None:
    done = refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), sample_briefs(), NOON)
    rows = wiring.lake.scan(AD_CREATIVES).collect()
    assert rows.height == done.rows.height == len(sample_briefs())
    assert set(rows["moderation"]) == {"approved"}
    version, document = read_document(wiring.engine, CREATIVES)
    assert version == done.version == 1
    assert [each["creative_id"] for each in document["creatives"]] == sorted(rows["creative_id"])


def test_writing_the_same_creatives_again_changes_nothing(wiring: Wiring) -> None:
    first = refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), JOY, NOON)
    again = refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), JOY, NOON + timedelta(hours=1))
    assert (again.version, again.delta_version) == (first.version, None)
    assert wiring.lake.version(AD_CREATIVES) == first.delta_version


def test_a_creative_keeps_the_time_it_was_first_written(wiring: Wiring) -> None:
    refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), JOY[:1], NOON)
    later = refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), JOY, NOON + timedelta(hours=1))
    assert later.version == 2
    times = dict(later.rows.select("campaign_id", "created_at").rows())
    assert [times[each.campaign_id] - NOON for each in JOY] == [timedelta(hours=each) for each in (0, 1, 1)]


def test_a_crash_before_publishing_is_made_good_by_the_next_run(wiring: Wiring) -> None:
    done = refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), JOY[:1], NOON)
    wiring.lake.replace_all(AD_CREATIVES, done.rows.clear())  # the lake moved, and nobody heard of it
    again = refresh_creatives(wiring.lake, wiring.engine, TemplateGenerator(), JOY[:1], NOON)
    assert again.rows.equals(wiring.lake.scan(AD_CREATIVES).collect())
    assert read_document(wiring.engine, CREATIVES)[0] == again.version


def test_refused_creatives_stay_visible_and_are_never_served(wiring: Wiring) -> None:
    done = refresh_creatives(wiring.lake, wiring.engine, ShoutingGenerator(), sample_briefs(), NOON)
    refused = set(done.rows.filter(pl.col("moderation") == "refused")["creative_id"])
    assert len(refused) == len(sample_briefs())
    assert refused <= set(wiring.lake.scan(AD_CREATIVES).collect()["creative_id"])
    reader = SnapshotReader(wiring.engine)
    reader.refresh()
    snapshot = replace(reader.current, complete_until=NOON)
    request, nobody = DecisionRequest(None, "feed", "acme", "c"), Permission(refusal="no_subject")
    for _ in range(50):
        decision = decide(snapshot, request, nobody, NOON, 60.0)
        assert decision.arm_id not in refused
        assert refused.isdisjoint(decision.eligible)
    only_refused = replace(snapshot, creatives=tuple(c for c in snapshot.creatives if c["creative_id"] in refused))
    with pytest.raises(NotFound):
        decide(only_refused, request, nobody, NOON, 60.0)


def test_the_policy_learns_and_says_what_it_read(ads: Ads) -> None:
    ads.decided("1", "2", "3")
    ads.decided("4", arm="arm-b")
    ads.happened("impression", "1", "2", "4")
    ads.happened("click", "2")
    learned = ads.learn()
    assert (learned.decisions, learned.events, learned.malformed) == (4, 4, 0)
    assert (learned.pulls, learned.rewards, learned.version) == (3, 1, 1)
    assert ads.counts() == {"arm-a": [2, 1], "arm-b": [1, 0]}
    assert ads.history() == [(1, "arm-a", 2, 1, 2.0, 2.0), (1, "arm-b", 1, 0, 1.0, 2.0)]
    assert sum(learned.offsets[DECISIONS].values()) == 4


def test_running_again_counts_nothing_twice(ads: Ads) -> None:
    ads.decided("1")
    ads.happened("click", "1")
    ads.learn()
    for _ in range(2):
        again = ads.learn()
        assert (again.decisions, again.events, again.pulls, again.delta_version) == (0, 0, 0, None)
    assert ads.counts() == {"arm-a": [1, 1]}
    assert len(ads.history()) == 1


def test_what_comes_in_later_runs_is_joined(ads: Ads) -> None:
    ads.happened("click", "1")
    assert ads.learn().pulls == 0
    ads.decided("1")
    assert ads.learn().rewards == 1
    ads.happened("impression", "1")
    ads.happened("click", "1")
    ads.decided("1")
    assert (ads.learn().pulls, ads.counts()) == (0, {"arm-a": [1, 1]})


def test_nothing_to_read_is_fine(ads: Ads) -> None:
    assert ads.learn().pulls == 0
    assert ads.counts() == {}


MALFORMED: list[Any] = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b"7",
    {},
    {"decision_id": "1", "arm_id": "a"},
    {"decision_id": "1", "arm_id": "a", "decided_at": "some day"},
    {"decision_id": "1", "arm_id": "a", "decided_at": "2026-11-24T12:00:00"},
    {"decision_id": "1", "arm_id": "a", "decided_at": 1_700_000_000},
    {"decision_id": "1", "arm_id": None, "decided_at": NOON.isoformat()},
    {"decision_id": ["1"], "arm_id": "a", "decided_at": NOON.isoformat()},
]


def test_malformed_records_are_counted_and_left_out(ads: Ads) -> None:
    ads.tell(DECISIONS, *MALFORMED)
    ads.tell(EVENTS, *MALFORMED, {"decision_id": "1", "kind": None, "occurred_at": NOON.isoformat()})
    ads.decided("1")
    ads.happened("click", "1")
    learned = ads.learn()
    assert (learned.decisions, learned.events) == (1, 1)
    assert learned.malformed == 2 * len(MALFORMED) + 1
    assert ads.counts() == {"arm-a": [1, 1]}
    assert ads.learn().malformed == 0


def test_dying_between_publishing_and_the_lake_loses_and_doubles_nothing(ads: Ads, wiring: Wiring) -> None:
    ads.decided("1", "2")
    ads.happened("click", "1")
    dying = Ads(ads.stream, FailingLake(wiring.settings.lake_path), ads.engine)
    with pytest.raises(StoreUnavailable):
        dying.learn()
    assert ads.history() == []
    assert ads.learn().pulls == 0, "what was published is not counted again"
    assert ads.counts() == {"arm-a": [1, 1]}
    assert ads.history() == [(2, "arm-a", 1, 1, 2.0, 1.0)], "the next run writes the history that is missing"
    assert ads.learn().delta_version is None


def test_dying_in_the_middle_of_publishing_changes_nothing(ads: Ads) -> None:
    ads.decided("1")
    ads.happened("click", "1")

    def die(_: Connection) -> None:
        raise KeyboardInterrupt

    event.listen(ads.engine, "commit", die)
    with pytest.raises(KeyboardInterrupt):
        ads.learn()
    event.remove(ads.engine, "commit", die)
    assert read_document(ads.engine, POLICY) == (0, {})
    assert ads.learn().rewards == 1
    assert ads.counts() == {"arm-a": [1, 1]}


@pytest.mark.integration
@pytest.mark.parametrize("is_first", [True, False])
def test_of_two_that_learn_at_once_one_is_refused(engine: Engine, tmp_path: Path, is_first: bool) -> None:
    path = tmp_path / "stream"
    with EmbeddedStream(path) as stream, MeetingStream(path, 2) as meeting:
        for topic in (DECISIONS, EVENTS):
            stream.ensure_topic(topic, 4)
        ads = Ads(stream, DeltaLake(tmp_path / "lake"), engine)
        if not is_first:
            ads.learn()
        ads.decided("1", "2", "3")
        ads.happened("click", "1")
        outcomes = _at_once(Ads(meeting, ads.lake, engine))
        assert sorted(type(each).__name__ for each in outcomes) == ["Learned", "WriteConflict"]
        assert ads.counts() == {"arm-a": [1, 1]}
        assert (ads.learn().pulls, ads.counts()) == (0, {"arm-a": [1, 1]})


def _at_once(ads: Ads) -> list[object]:
    outcomes: list[object] = []

    def run() -> None:
        try:
            outcomes.append(ads.learn())
        except WriteConflict as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_the_published_policy_is_the_one_that_decides(ads: Ads) -> None:
    ads.decided("1")
    ads.happened("impression", "1")
    ads.learn()
    reader = SnapshotReader(ads.engine)
    reader.refresh()
    assert isinstance(reader.current.policy, ThompsonPolicy)
    assert reader.current.policy.posterior("arm-a") == (1.0, 2.0)
    assert reader.current.policy_version == 1
