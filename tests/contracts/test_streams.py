"""What every stream promises, checked against all of them."""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from alphaads_pipelines.errors import NotFound, OffsetsLost
from alphaads_pipelines.streams.base import Erasable, Expiring, OffsetRange, Record, Stream
from alphaads_pipelines.streams.registry import STREAMS

PARTITIONS = 4


@pytest.fixture(params=list(STREAMS))
def stream(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stream]:
    """An open stream of every kind."""
    implementation: Any = STREAMS.load(request.param)
    if request.param == "embedded":
        where: Any = tmp_path / "stream"
    else:
        where = {"bootstrap.servers": request.getfixturevalue("kafka_server").url}
    with implementation(where) as opened:
        yield opened


@pytest.fixture
def topic(stream: Stream) -> str:
    """A fresh topic."""
    name = f"contract.{uuid.uuid4().hex}"
    assert stream.ensure_topic(name, PARTITIONS) == PARTITIONS
    return name


def read(stream: Stream, topic: str, partition: int, start: int, end: int) -> list[tuple[int, bytes]]:
    chunks = stream.read([OffsetRange(topic, partition, start, end)])
    return [(record.offset, record.value) for chunk in chunks for record in chunk]


def test_a_new_topic_is_empty(stream: Stream, topic: str) -> None:
    zeros = dict.fromkeys(range(PARTITIONS), 0)
    assert stream.end_offsets(topic) == stream.low_offsets(topic) == zeros
    assert stream.partitions(topic) == PARTITIONS


def test_ensuring_again_keeps_partitions_and_records(stream: Stream, topic: str) -> None:
    stream.produce(topic, [Record(0, b"kept")])
    assert stream.ensure_topic(topic, PARTITIONS + 3) == PARTITIONS
    assert read(stream, topic, 0, 0, 1) == [(0, b"kept")]


def test_an_unknown_topic_is_not_found(stream: Stream) -> None:
    missing = f"missing.{uuid.uuid4().hex}"
    for ask in (stream.partitions, stream.end_offsets, stream.low_offsets):
        with pytest.raises(NotFound):
            ask(missing)


def test_records_come_back_in_order_in_their_partition(stream: Stream, topic: str) -> None:
    records = [Record(number % PARTITIONS, f"{number}".encode()) for number in range(1000)]
    stream.produce(topic, records)
    assert stream.end_offsets(topic) == dict.fromkeys(range(PARTITIONS), 250)
    for partition in range(PARTITIONS):
        values = [value for _, value in read(stream, topic, partition, 0, 250)]
        assert values == [record.value for record in records if record.partition == partition]


def test_a_range_is_exact(stream: Stream, topic: str) -> None:
    stream.produce(topic, [Record(1, f"{number}".encode()) for number in range(50)])
    assert read(stream, topic, 1, 10, 13) == [(10, b"10"), (11, b"11"), (12, b"12")]
    assert read(stream, topic, 1, 13, 13) == []
    assert read(stream, topic, 1, 49, 50) == [(49, b"49")]


def test_several_ranges_in_one_read(stream: Stream, topic: str) -> None:
    stream.produce(topic, [Record(number % PARTITIONS, f"{number}".encode()) for number in range(400)])
    ranges = [OffsetRange(topic, 0, 5, 20), OffsetRange(topic, 2, 0, 100), OffsetRange(topic, 3, 99, 100)]
    found = [(record.partition, record.offset) for chunk in stream.read(ranges) for record in chunk]
    assert sorted(found) == [(each.partition, offset) for each in ranges for offset in range(each.start, each.end)]


def test_any_bytes(stream: Stream, topic: str) -> None:
    values = [b"\x00", b"x" * 1_000_000, os.urandom(4096), "é😀".encode()]
    stream.produce(topic, [Record(0, value) for value in values])
    assert [value for _, value in read(stream, topic, 0, 0, len(values))] == values


def test_producing_nothing_is_fine(stream: Stream, topic: str) -> None:
    stream.produce(topic, [])
    assert sum(stream.end_offsets(topic).values()) == 0


def test_waiting_ends_with_the_time(stream: Stream, topic: str) -> None:
    stream.produce(topic, [Record(0, b"x")])
    ends = stream.end_offsets(topic)
    started = time.monotonic()
    assert stream.wait_beyond(topic, ends, 0.3) == ends
    assert time.monotonic() - started >= 0.3


def test_waiting_ends_with_a_record(stream: Stream, topic: str) -> None:
    ends = stream.end_offsets(topic)
    later = threading.Timer(0.3, lambda: stream.produce(topic, [Record(2, b"x")]))
    later.start()
    started = time.monotonic()
    assert stream.wait_beyond(topic, ends, 150.0)[2] == 1
    assert time.monotonic() - started < 140.0
    later.join()


def test_what_retention_removed_fails_loudly(stream: Stream, topic: str, request: pytest.FixtureRequest) -> None:
    stream.produce(topic, [Record(0, f"{number}".encode()) for number in range(20)])
    _trim(stream, topic, request)
    assert stream.low_offsets(topic)[0] == 10
    with pytest.raises(OffsetsLost) as caught:
        read(stream, topic, 0, 5, 15)
    assert (caught.value.start, caught.value.low) == (5, 10)
    assert [offset for offset, _ in read(stream, topic, 0, 10, 20)] == list(range(10, 20))


def _trim(stream: Stream, topic: str, request: pytest.FixtureRequest) -> None:
    if stream.name == "embedded":
        stream.trim(topic, {0: 10})  # type: ignore[attr-defined]
        return
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": request.getfixturevalue("kafka_server").url})
    [future] = admin.delete_records([TopicPartition(topic, 0, 10)]).values()
    future.result(60)


def test_threads_may_share_a_stream(stream: Stream, topic: str) -> None:
    def produce(partition: int) -> None:
        for number in range(20):
            stream.produce(topic, [Record(partition, f"{number}".encode())])

    threads = [threading.Thread(target=produce, args=(partition,)) for partition in range(PARTITIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for partition in range(PARTITIONS):
        assert [value for _, value in read(stream, topic, partition, 0, 20)] == [f"{n}".encode() for n in range(20)]


def test_records_of_a_person_can_be_removed_or_it_is_known_how_long_they_stay(stream: Stream, topic: str) -> None:
    ids = [uuid.uuid4().hex for _ in range(3)]
    stream.produce(topic, [Record(each % PARTITIONS, b"of " + ids[each % 3].encode()) for each in range(12)])
    if isinstance(stream, Erasable):
        held = list(stream.holding(topic, ids[:1]))
        assert [(each.partition, each.offset) for each in held] == [(0, 0), (1, 2), (2, 1), (3, 0)]
        assert stream.remove(topic, held) == 4
        assert stream.remove(topic, held) == 0
        assert stream.scrub(topic, ids[:1])["found"] == 0
        assert stream.scrub(topic, ids[1:])["found"] == 2
        assert list(stream.holding(topic, ids[:1])) == []
        assert len(list(stream.holding(topic, ids))) == 8
        assert read(stream, topic, 0, 0, 3) == [(1, b"of " + ids[1].encode()), (2, b"of " + ids[2].encode())]
    elif isinstance(stream, Expiring):
        kept = stream.retention(topic)
        assert kept is None or kept > timedelta(hours=1)
    else:
        pytest.skip("this client cannot ask; the broker's retention is stated by `kafka`")
