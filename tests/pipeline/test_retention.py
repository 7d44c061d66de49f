"""Upkeep of the stream: what its retention no longer needs goes, from streams that have none of their own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alphaads_pipelines.pipeline.retention import Trimmable, trim_streams
from alphaads_pipelines.streams.base import OffsetRange, Record
from alphaads_pipelines.streams.embedded import EmbeddedStream
from alphaads_pipelines.streams.kafka import KafkaStream
from alphaads_pipelines.wiring.app import Wiring


def test_old_records_of_every_topic_go_and_the_next_offset_stays(wiring: Wiring) -> None:
    topics = (wiring.topics.posts, wiring.topics.events)
    for topic in topics:
        wiring.stream.produce(topic, [Record(0, b"old"), Record(0, b"old too"), Record(1, b"old")])
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert trim_streams(wiring.stream, topics, later - timedelta(hours=1)) == 0
    assert trim_streams(wiring.stream, topics, later) == 6
    for topic in topics:
        assert wiring.stream.low_offsets(topic) == wiring.stream.end_offsets(topic)
        wiring.stream.produce(topic, [Record(0, b"new")])
        [[stored]] = wiring.stream.read([OffsetRange(topic, 0, 2, 3)])
        assert stored.value == b"new"


def test_a_stream_with_a_retention_of_its_own_is_left_alone() -> None:
    assert issubclass(EmbeddedStream, Trimmable)
    assert not issubclass(KafkaStream, Trimmable)
