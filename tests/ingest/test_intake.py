"""Intake over the real sealer, subject keys and embedded stream."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from alphaads_pipelines.errors import InvalidRequest, NotFound, RejectedPayload, StoreUnavailable
from alphaads_pipelines.ingest.intake import Intake, IntakeResult
from alphaads_pipelines.platforms.base import AuthoredPayload, Malformed, Payload, Platform, Post, Tokenise
from alphaads_pipelines.platforms.registry import PLATFORMS
from alphaads_pipelines.privacy.envelope import Envelope, decode
from alphaads_pipelines.registry import Registry
from alphaads_pipelines.settings import Settings
from alphaads_pipelines.stores.sql.relational import transaction
from alphaads_pipelines.streams.base import OffsetRange
from alphaads_pipelines.telemetry import REGISTRY, configure_logging
from alphaads_pipelines.wiring.app import Wiring, wired
from benchmarks.posts import synthetic_posts

NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)
POST: dict[str, Any] = {
    "id": "p1",
    "platform": "x",
    "author_id": "42",
    "author_name": "Plantedname Ferncroft",
    "author_handle": "plantedhandle",
    "text": "plantedword to @plantedfriend",
    "created_at": "2026-10-05T07:06:30Z",
}


class TrippingPlatform(Platform):
    """A platform whose split has a bug."""

    name = "tripping"

    def split(self, payload: Payload, tokenise: Tokenise) -> list[AuthoredPayload]:
        raise KeyError("planted bug")

    def parse(self, payload: Payload) -> Post:
        raise RejectedPayload("missing_id")


@pytest.fixture
def wiring(settings: Settings) -> Iterator[Wiring]:
    with wired(settings) as built:
        yield built


@pytest.fixture
def intake(wiring: Wiring) -> Intake:
    return _intake(wiring, PLATFORMS)


def _intake(wiring: Wiring, platforms: Registry[Platform]) -> Intake:
    topic = wiring.topics.posts
    keys = (wiring.sealer, wiring.pseudonyms, wiring.suppressions)
    return Intake(wiring.stream, topic, *keys, platforms, clock=lambda: NOON)


def _produced(wiring: Wiring) -> list[tuple[int, Envelope]]:
    topic = wiring.topics.posts
    ends = wiring.stream.end_offsets(topic)
    ranges = [OffsetRange(topic, partition, 0, end) for partition, end in ends.items()]
    return [(record.partition, decode(record.value)) for chunk in wiring.stream.read(ranges) for record in chunk]


def _bodies(wiring: Wiring) -> list[dict[str, Any]]:
    opened = wiring.sealer.unseal([envelope for _, envelope in _produced(wiring)])
    return [orjson.loads(body) for body in opened if isinstance(body, bytes)]


def test_a_post_goes_in_sealed_and_comes_out_whole(wiring: Wiring, intake: Intake) -> None:
    assert intake.take("generic", [POST], "corr-1") == IntakeResult(read=1, produced=1)
    [(partition, envelope)] = _produced(wiring)
    assert envelope.attributed
    assert (envelope.platform, envelope.correlation_id) == ("generic", "corr-1")
    assert envelope.observed_at_us == int(NOON.timestamp() * 1_000_000)
    assert envelope.shard == zlib.crc32(envelope.subject_id.encode()) % wiring.settings.shards
    assert partition == envelope.shard % wiring.settings.stream_partitions
    assert b"planted" not in envelope.body
    [body] = _bodies(wiring)
    token = wiring.pseudonyms.mention("generic", "plantedfriend")
    assert body == {**POST, "text": f"plantedword to @{token}"}


def test_nested_posts_are_sealed_for_their_own_authors(wiring: Wiring, intake: Intake) -> None:
    quoted = {**POST, "id": "p2", "author_id": "43"}
    assert intake.take("generic", [{**POST, "quoted": quoted}], "c") == IntakeResult(read=1, produced=2)
    envelopes = [envelope for _, envelope in _produced(wiring)]
    assert len({envelope.subject_id for envelope in envelopes}) == 2
    assert len({envelope.key_id for envelope in envelopes}) == 2


def test_a_person_is_one_subject_however_their_posts_arrive(wiring: Wiring, intake: Intake) -> None:
    native = {"id_str": "7", "user": {"id_str": "42"}, "text": "t", "created_at": "Wed Aug 27 13:08:45 +0000 2008"}
    intake.take("generic", [POST, {**POST, "id": "p2"}], "c")
    intake.take("generic", [{**POST, "id": "p3"}], "c")
    intake.take("x", [native], "c")
    envelopes = [envelope for _, envelope in _produced(wiring)]
    assert len(envelopes) == 4
    assert len({envelope.subject_id for envelope in envelopes}) == 1
    intake.take("generic", [{**POST, "platform": "facebook"}], "c")
    assert len({envelope.subject_id for _, envelope in _produced(wiring)}) == 2


def test_what_belongs_to_nobody_is_sealed_with_the_key_of_the_day(wiring: Wiring, intake: Intake) -> None:
    raw = b'{"id": "p1", "text": "plantedhalf'
    intake.take("generic", [Malformed(raw), {**POST, "author_id": None}, Malformed(b"\xff" * 2_000_000)], "c")
    envelopes = [envelope for _, envelope in _produced(wiring)]
    daily = wiring.subject_keys.daily_key(date(2026, 10, 5))
    assert [(envelope.attributed, envelope.subject_id) for envelope in envelopes] == [(False, daily.subject_id)] * 3
    reasons = []
    for body in _bodies(wiring):
        with pytest.raises(RejectedPayload) as caught:
            PLATFORMS.load("generic")().parse(body)
        reasons.append(caught.value.reason)
    assert reasons == ["malformed_json", "missing_author", "too_large"]


def test_a_payload_that_trips_its_parser_is_kept(wiring: Wiring) -> None:
    registry: Registry[Platform] = Registry("platform", {"tripping": f"{__name__}:{TrippingPlatform.__name__}"})
    assert _intake(wiring, registry).take("tripping", [POST, {}], "c") == IntakeResult(2, 2)
    assert _bodies(wiring) == [POST, {}]
    assert not any(envelope.attributed for _, envelope in _produced(wiring))


def test_what_is_no_strict_json_is_made_so(wiring: Wiring, intake: Intake) -> None:
    deep: Any = "bottom"
    for _ in range(400):
        deep = [deep]
    odd = {**POST, "created_at": None, "odd": ["\ud800", 2**70, float("nan"), deep]}
    intake.take("generic", [odd, {**POST, "text": "x\ud800"}], "c")
    bodies = sorted(_bodies(wiring), key=len)
    assert bodies[0]["text"] == "x\ufffd"
    assert bodies[1]["odd"][:3] == ["\ufffd", str(2**70), None]


def test_a_body_larger_than_a_record_is_cut_and_rejected(wiring: Wiring, intake: Intake) -> None:
    intake.take("generic", [{**POST, "text": "x" * 3_000_000}], "c")
    [(_, envelope)] = _produced(wiring)
    assert envelope.attributed
    assert len(envelope.body) < 100_000
    with pytest.raises(RejectedPayload, match="too_large"):
        PLATFORMS.load("generic")().parse(_bodies(wiring)[0])


def test_the_longest_accepted_text_fits_a_record(wiring: Wiring, intake: Intake) -> None:
    intake.take("generic", [{**POST, "text": "\x01" * 100_000}, {**POST, "text": "😀" * 100_000}], "c")
    posts = [PLATFORMS.load("generic")().parse(body) for body in _bodies(wiring)]
    assert {len(post.text) for post in posts} == {100_000}
    assert max(len(envelope.body) for _, envelope in _produced(wiring)) < 1_000_000


def test_nothing_taken_is_nothing_produced(wiring: Wiring, intake: Intake) -> None:
    assert intake.take("generic", [], "c") == IntakeResult(0, 0)
    assert _produced(wiring) == []


def test_an_unknown_platform_is_an_invalid_request(intake: Intake) -> None:
    with pytest.raises(InvalidRequest, match="generic, x"):
        intake.take("nowhere", [POST], "c")


def test_a_topic_that_is_not_there_is_an_error_and_not_silence(wiring: Wiring) -> None:
    keys = (wiring.sealer, wiring.pseudonyms, wiring.suppressions)
    lost = Intake(wiring.stream, "no.such.topic", *keys, PLATFORMS)
    with pytest.raises(NotFound):
        lost.take("generic", [POST], "c")


@pytest.fixture
def logging_at_info() -> Iterator[None]:
    configure_logging(level="INFO")
    yield
    configure_logging(level="WARNING")


@pytest.mark.usefixtures("logging_at_info")
def test_counts_are_counted_and_logged_and_nothing_else(intake: Intake) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("alphaads_posts_taken_in_total", {"platform": "generic"}) or 0.0

    before = counted()
    with structlog.testing.capture_logs() as logs:
        intake.take("generic", [POST, Malformed(b"plantedbytes")], "corr-9")
    assert counted() - before == 2
    assert len(logs) == 1
    assert (logs[0]["read"], logs[0]["produced"], logs[0]["correlation_id"]) == (2, 2, "corr-9")
    assert "planted" not in str(logs)


def test_nothing_of_a_person_lies_on_the_disk(wiring: Wiring, intake: Intake) -> None:
    intake.take("generic", [POST, Malformed(orjson.dumps(POST)[:-1])], "c")
    home: Path = wiring.settings.alphaads_home
    files = [path for path in home.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"planted" not in path.read_bytes().lower(), path.name


def _erase(wiring: Wiring, platform: str, author: str) -> None:
    identity = wiring.pseudonyms.identity(platform, author)
    [subject] = wiring.subject_keys.ensure([identity])
    with transaction(wiring.engine) as connection:
        wiring.suppressions.suppress(connection, [identity.mac], subject.subject_id, NOON)
    wiring.subject_keys.destroy(subject.subject_id)


@pytest.mark.usefixtures("logging_at_info")
def test_what_an_erased_person_writes_is_dropped_and_only_counted(wiring: Wiring, intake: Intake) -> None:
    def dropped() -> float:
        return REGISTRY.get_sample_value("alphaads_posts_dropped_total", {"reason": "suppressed"}) or 0.0

    _erase(wiring, "x", "42")
    before, other = dropped(), {**POST, "id": "p2", "author_id": "43"}
    with structlog.testing.capture_logs() as logs:
        taken = intake.take("generic", [POST, {**other, "quoted": POST}, Malformed(b"{")], "corr-3")
    assert taken == IntakeResult(read=3, produced=2, suppressed=2)
    assert dropped() - before == 2
    assert sorted(envelope.attributed for _, envelope in _produced(wiring)) == [False, True]
    assert wiring.subject_keys.find(wiring.pseudonyms.identity("x", "42")) is None
    assert {body.get("id") for body in _bodies(wiring)} == {"p2", None}
    assert "planted" not in str(logs)


def test_the_same_author_id_on_another_network_is_another_person(wiring: Wiring, intake: Intake) -> None:
    _erase(wiring, "x", "42")
    assert intake.take("generic", [{**POST, "platform": "facebook"}], "c") == IntakeResult(1, 1)


def test_an_erasure_while_posts_are_taken_in_lets_nothing_through(
    wiring: Wiring, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process erases between the suppression check and the write."""
    asked = wiring.suppressions.suppressed

    def erased_behind(identities: Iterable[bytes]) -> set[bytes]:
        found = asked(identities)
        with wired(wiring.settings) as elsewhere:
            _erase(elsewhere, "x", "42")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(wiring.suppressions, "suppressed", erased_behind)
        with pytest.raises(StoreUnavailable, match="ask again"):
            intake.take("generic", [POST], "c")
    assert _produced(wiring) == []
    assert intake.take("generic", [POST], "c") == IntakeResult(1, 0, suppressed=1)


def test_many_posts_arrive_in_order_within_each_author(wiring: Wiring, intake: Intake) -> None:
    posts = list(synthetic_posts(3_000, seed=5, authors=100))
    for start in range(0, len(posts), 500):
        intake.take("generic", posts[start : start + 500], f"c{start}")
    by_author: dict[str, list[str]] = {}
    for body in _bodies(wiring):
        by_author.setdefault(body["author_id"], []).append(body["id"])
    expected: dict[str, list[str]] = {}
    for post in posts:
        expected.setdefault(post["author_id"], []).append(post["id"])
    assert by_author == expected


def test_synthetic_posts_are_the_same_every_time_and_read_well() -> None:
    posts = list(synthetic_posts(2_000, seed=3, authors=500))
    assert posts == list(synthetic_posts(2_000, seed=3, authors=500))
    assert posts != list(synthetic_posts(2_000, seed=4, authors=500))
    parsed = [PLATFORMS.load("generic")().parse(post) for post in posts]
    assert len({post.post_id for post in parsed}) == 2_000
    assert 80 < sum(len(post.text) for post in parsed) / 2_000 < 130
    counts = sorted(sum(post.author_id == author for post in parsed) for author in {p.author_id for p in parsed})
    assert counts[-1] > 20 * counts[0]
    assert [post.created_at for post in parsed] == sorted(post.created_at for post in parsed)
