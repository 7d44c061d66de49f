"""Kafka where it differs from a plain log: gaps left by transactions, and a broker that goes away."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest
from confluent_kafka import Producer

from alphaads_pipelines.errors import StreamUnavailable
from alphaads_pipelines.streams import kafka, kafka_python
from alphaads_pipelines.streams.base import OffsetRange, Record, Stream
from alphaads_pipelines.streams.kafka import KafkaStream
from alphaads_pipelines.streams.kafka_python import KafkaPythonStream
from deploy.servers import Kafka

pytestmark = pytest.mark.integration
CLIENTS = [KafkaStream, KafkaPythonStream]


def _open(client: Any, server: Kafka) -> tuple[Stream, str]:
    stream = client({"bootstrap.servers": server.url})
    topic = f"integration.{uuid.uuid4().hex}"
    stream.ensure_topic(topic, 1)
    return stream, topic


def _end_with_markers(stream: Stream, topic: str) -> int:
    """Three records and three markers; the last stable offset follows a commit a little later (KIP-98)."""
    deadline = time.monotonic() + 120.0
    while (end := stream.end_offsets(topic)[0]) < 6:
        assert time.monotonic() < deadline, "markers take offsets"
        time.sleep(0.05)
    return end


@pytest.mark.parametrize("client", CLIENTS)
def test_a_range_ends_by_position_over_transaction_markers(client: Any, kafka_server: Kafka) -> None:
    stream, topic = _open(client, kafka_server)
    producer = Producer({"bootstrap.servers": kafka_server.url, "transactional.id": topic})
    producer.init_transactions()
    for number, commit in enumerate((True, False, True)):
        producer.begin_transaction()
        producer.produce(topic, f"{number}".encode(), partition=0)
        producer.flush()
        (producer.commit_transaction if commit else producer.abort_transaction)()
    with stream:
        end = _end_with_markers(stream, topic)
        values = [record.value for chunk in stream.read([OffsetRange(topic, 0, 0, end)]) for record in chunk]
        assert values == [b"0", b"2"]


def _produce_again(stream: Stream, topic: str) -> None:
    """A client whose limits are short may need more than one attempt to find the broker that is back."""
    deadline = time.monotonic() + 120.0
    while True:
        try:
            return stream.produce(topic, [Record(0, b"after")])
        except StreamUnavailable:
            assert time.monotonic() < deadline


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
def test_a_broker_that_is_away_is_transient(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kafka, kafka_python):
        monkeypatch.setattr(module, "_SILENCE_S", 3.0)
        monkeypatch.setattr(module, "_TIMEOUT_S", 3.0)
    with Kafka() as server:
        stream, topic = _open(client, server)
        stream.produce(topic, [Record(0, b"before")])
        server.kill()
        with pytest.raises(StreamUnavailable):
            stream.produce(topic, [Record(0, b"refused")])
        with pytest.raises(StreamUnavailable):
            stream.end_offsets(topic)
        server.start()
        _produce_again(stream, topic)
        end = stream.end_offsets(topic)[0]
        values = [record.value for chunk in stream.read([OffsetRange(topic, 0, 0, end)]) for record in chunk]
        assert values[0] == b"before"
        assert values[-1] == b"after"
        stream.close()
