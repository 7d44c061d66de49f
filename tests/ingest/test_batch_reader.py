"""Acceptance: each kind of poison is rejected with its reason and counted, and no record is lost to a replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import orjson
import pytest

from alphaads_pipelines.errors import OffsetsLost
from alphaads_pipelines.ingest.batch_reader import AcceptedBatch, BatchReader
from alphaads_pipelines.ingest.batches import Batch, BatchCounts
from alphaads_pipelines.platforms.base import AuthoredPayload, Payload, Platform, Post, Tokenise
from alphaads_pipelines.platforms.registry import PLATFORMS
from alphaads_pipelines.privacy.envelope import Envelope, encode
from alphaads_pipelines.privacy.sealer import Unsealed
from alphaads_pipelines.registry import Registry
from alphaads_pipelines.schema.tables import RAW_POSTS, REJECTED_POSTS
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.streams.base import OffsetRange, Record
from alphaads_pipelines.wiring.app import Wiring, wired

pytestmark = pytest.mark.integration
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
POST: dict[str, Any] = {
    "id": "p1",
    "platform": "x",
    "author_id": "42",
    "text": "plantedword",
    "created_at": "2026-11-24T07:06:30Z",
}


class TrippingPlatform(Platform):
    """A platform whose parser has a bug, or has had it mended."""

    name = "generic"
    is_mended = False

    def split(self, payload: Payload, tokenise: Tokenise) -> list[AuthoredPayload]:
        raise NotImplementedError

    def parse(self, payload: Payload) -> Post:
        if not self.is_mended:
            raise KeyError("plantedbug")
        return PLATFORMS.load("generic")().parse(payload)


class Room:
    """An installation, and the records that a test puts into its stream."""

    def __init__(self, wiring: Wiring) -> None:
        self.wiring, self.topic = wiring, wiring.topics.posts
        self._shards = tuple(range(wiring.settings.shards))

    def seal(self, body: bytes, *, author: str | None = "42", platform: str = "generic") -> Envelope:
        who = None if author is None else self.wiring.pseudonyms.identity("x", author)
        [envelope] = self.wiring.sealer.seal(platform, [Unsealed(who, body)], "c-1", NOON)
        return envelope

    def put(self, *records: Envelope | bytes) -> None:
        """Append the records, each to its own partition; bytes that are no envelope to the first."""
        partitions = self.wiring.settings.stream_partitions
        for each in records:
            record = Record(0, each) if isinstance(each, bytes) else Record(each.shard % partitions, encode(each))
            self.wiring.stream.produce(self.topic, [record])

    def batch(self, **changes: Any) -> Batch:
        """A batch over all there is."""
        ends = self.wiring.stream.end_offsets(self.topic)
        ranges = tuple(OffsetRange(self.topic, each, 0, end) for each, end in ends.items())
        return replace(Batch(1, 1, "live", "running", ranges, self._shards, NOON, "2026-11-24-12:00"), **changes)

    def read(self, batch_reader: BatchReader | None = None) -> AcceptedBatch:
        """Accept all there is, as a first attempt or again."""
        return (batch_reader or self.wiring.batch_reader).read(self.batch())

    def batch_reader(self, platforms: Registry[Platform]) -> BatchReader:
        """A batch reader with other parsers."""
        tools = self.wiring
        return BatchReader(tools.stream, tools.sealer, tools.pseudonyms, platforms, tools.engine, tools.lake)


@pytest.fixture
def room(settings: Settings, database_url: str) -> Iterator[Room]:
    with wired(settings.model_copy(update={"database_url": database_url})) as wiring:
        yield Room(wiring)


def _body(**changes: Any) -> bytes:
    return orjson.dumps({**POST, **changes})


def _reasons(accepted: AcceptedBatch) -> list[str]:
    return sorted(accepted.rejected["reason"])


def _figures(counts: BatchCounts) -> tuple[int, int, int, int]:
    assert counts.read == counts.accepted + counts.rejected + counts.duplicates
    return counts.read, counts.accepted, counts.rejected, counts.duplicates


def _garbage(many: int) -> Sequence[bytes]:
    return [bytes([255 - number]) * (number + 1) for number in range(many)]


def test_what_is_no_envelope_is_kept_sealed(room: Room) -> None:
    strange = msgspec.structs.replace(room.seal(_body()), observed_at_us=2**62)
    room.put(room.seal(_body()), b"", b"plantedbytes", encode(strange), b"\x91" * 50_000, *_garbage(20))
    accepted = room.read()
    assert _figures(accepted.counts) == (25, 1, 24, 0)
    assert _reasons(accepted) == ["not_an_envelope"] * 24
    assert not any(b"planted" in body for body in accepted.rejected["sealed_body"])
    assert accepted.rejected["subject_id"].unique().to_list() == ["daily-2026-11-24"]
    assert not accepted.rejected["attributed"].any()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\xff no json", "parser_error"),
        (b"[" * 2_000 + b"]" * 2_000, "parser_error"),
        (_body(text=None), "missing_text"),
        (_body(format_version=99), "unknown_format_version"),
    ],
)
def test_a_body_that_is_no_post_is_rejected(room: Room, body: bytes, reason: str) -> None:
    room.put(room.seal(body), room.seal(body), room.seal(_body()))
    accepted = room.read()
    assert _figures(accepted.counts) == (3, 1, 1, 1), "the same payload again is the same reject"
    assert _reasons(accepted) == [reason]
    assert "planted" not in str(accepted.rejected["detail"].to_list())


def test_a_platform_that_nobody_knows_is_rejected(room: Room) -> None:
    room.put(room.seal(_body(), platform="nowhere"), room.seal(_body(), platform=""))
    accepted = room.read()
    assert _figures(accepted.counts) == (2, 0, 2, 0)
    assert _reasons(accepted) == ["unknown_platform"] * 2


def test_a_post_that_intake_could_attribute_to_nobody_is_rejected(room: Room) -> None:
    room.put(room.seal(_body(), author=None))
    accepted = room.read()
    assert _reasons(accepted) == ["missing_author"]
    assert accepted.rejected["attributed"].to_list() == [False]


def test_a_changed_seal_is_rejected(room: Room) -> None:
    sealed = room.seal(_body())
    room.put(msgspec.structs.replace(sealed, body=sealed.body[::-1]), msgspec.structs.replace(sealed, platform="x"))
    accepted = room.read()
    assert _figures(accepted.counts) == (2, 0, 2, 0)
    assert _reasons(accepted) == ["unseal_failed"] * 2


def test_a_record_in_a_partition_that_is_not_its_authors_stops_no_batch(room: Room) -> None:
    sealed = room.seal(_body())
    partitions = room.wiring.settings.stream_partitions
    wrong = (sealed.shard + 1) % partitions
    room.wiring.stream.produce(room.topic, [Record(wrong, encode(sealed))])
    shards = tuple(each for each in range(room.wiring.settings.shards) if each % partitions == wrong)
    batch = room.batch(ranges=(OffsetRange(room.topic, wrong, 0, 1),), shards=shards)
    accepted = room.wiring.batch_reader.read(batch)
    assert _reasons(accepted) == ["wrong_partition"]
    room.wiring.lake.replace_slice(REJECTED_POSTS, accepted.rejected, batch.slice, lambda: None)


def test_an_erased_person_leaves_a_count_and_nothing_else(room: Room) -> None:
    gone, stays = room.seal(_body()), room.seal(_body(id="p2"), author="43")
    room.put(gone, stays)
    room.wiring.subject_keys.destroy(gone.subject_id)
    accepted = room.read()
    assert _figures(accepted.counts) == (2, 1, 1, 0)
    [row] = accepted.rejected.to_dicts()
    assert (row["reason"], row["subject_id"], row["sealed_body"]) == ("key_destroyed", "erased", b"")
    assert gone.subject_id not in str(row)


def test_a_bug_in_a_parser_rejects_and_its_mending_accepts(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    registry: Registry[Platform] = Registry("platform", {"generic": f"{__name__}:{TrippingPlatform.__name__}"})
    room.put(*[room.seal(_body(id=f"p{number}")) for number in range(5)])
    broken = room.read(room.batch_reader(registry))
    assert _figures(broken.counts) == (5, 0, 5, 0)
    assert _reasons(broken) == ["parser_error"] * 5
    assert set(broken.rejected["detail"]) == {"KeyError"}, "a message could hold a payload's value"
    monkeypatch.setattr(TrippingPlatform, "is_mended", True)
    assert _figures(room.read(room.batch_reader(registry)).counts) == (5, 5, 0, 0)


def _mixed(room: Room) -> None:
    room.put(*[room.seal(_body(id=f"p{number}"), author=f"{number % 3}") for number in range(12)])
    room.put(room.seal(_body(id="p1"), author="1"), room.seal(_body(text=None)), room.seal(_body(), platform="nowhere"))
    room.put(b"twice", b"twice", room.seal(_body(id="p50"), author=None))


def test_every_attempt_sorts_the_records_alike(room: Room) -> None:
    _mixed(room)
    first, again = room.read(), room.read()
    assert _figures(first.counts) == _figures(again.counts) == (18, 12, 5, 1)
    assert first.raw.equals(again.raw)
    assert first.posts == again.posts
    columns = ["stream_partition", "stream_offset", "reason", "detail"]
    assert first.rejected.select(columns).equals(again.rejected.select(columns))


def test_the_time_that_a_batch_was_seen_is_known_per_partition(room: Room) -> None:
    sealed = room.seal(_body())
    room.put(sealed)
    assert room.read().counts.seen_until == {sealed.shard % room.wiring.settings.stream_partitions: NOON}


def test_a_live_batch_whose_records_are_gone_names_them(room: Room) -> None:
    _mixed(room)
    room.wiring.stream.trim(room.topic, {0: 2})  # type: ignore[attr-defined]
    with pytest.raises(OffsetsLost, match=r"offsets 0 to 1 were removed"):
        room.read()


def test_a_replay_reads_the_lake_where_the_stream_is_gone_and_finds_the_same(room: Room) -> None:
    _mixed(room)
    batch = room.batch()
    first = room.wiring.batch_reader.read(batch)
    for table, rows in ((RAW_POSTS, first.raw), (REJECTED_POSTS, first.rejected)):
        room.wiring.lake.replace_slice(table, rows, batch.slice, lambda: None)
    ends = room.wiring.stream.end_offsets(room.topic)
    room.wiring.stream.trim(room.topic, ends)  # type: ignore[attr-defined]
    replay = replace(batch, attempt=2, kind="replay", counts=first.counts)
    again = room.wiring.batch_reader.read(replay)
    assert _figures(again.counts) == _figures(first.counts)
    key = ["stream_partition", "stream_offset"]
    assert again.raw.sort(key).equals(first.raw.sort(key))
    columns = [*key, "reason", "detail", "attributed"]
    assert again.rejected.select(columns).sort(key).equals(first.rejected.select(columns).sort(key))
    assert sorted(post.post_id for post in again.posts) == sorted(post.post_id for post in first.posts)


def test_posts_of_stored_rows_open_until_their_key_is_destroyed(room: Room) -> None:
    gone = room.seal(_body())
    room.put(gone, room.seal(_body(id="p2"), author="43"))
    raw = room.read().raw.sort("post_key")
    opened = {post.post_id for post in room.wiring.batch_reader.unseal_posts(raw) if post is not None}
    assert opened == {"p1", "p2"}
    room.wiring.subject_keys.destroy(gone.subject_id)
    left = room.wiring.batch_reader.unseal_posts(raw)
    assert sorted(post.post_id if post else "" for post in left) == ["", "p2"]


def test_an_empty_batch_is_accepted(room: Room) -> None:
    accepted = room.read()
    assert _figures(accepted.counts) == (0, 0, 0, 0)
    assert accepted.raw.height == accepted.rejected.height == 0
