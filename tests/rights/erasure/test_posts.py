"""The receipt states which data Kafka keeps, until when, and that it cannot be opened."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from alphaads_pipelines.rights.erasure.posts import check_topic, erase_records
from alphaads_pipelines.streams.base import Record
from alphaads_pipelines.streams.kafka import KafkaStream
from deploy.servers import Kafka

pytestmark = pytest.mark.integration
GONE = "a" * 32


@pytest.fixture
def stream(kafka_server: Kafka) -> Iterator[KafkaStream]:
    with KafkaStream({"bootstrap.servers": kafka_server.url}) as opened:
        yield opened


def test_kafka_removes_nothing_and_the_receipt_says_until_when(stream: KafkaStream) -> None:
    topic = f"erasure.{uuid.uuid4().hex}"
    stream.ensure_topic(topic, 1)
    stream.produce(topic, [Record(0, GONE.encode())])
    assert erase_records(stream, topic, {GONE}, lambda _: None) == {"records_removed": 0}
    checked = check_topic(stream, topic, {GONE})
    assert checked.found == 0
    assert datetime.fromisoformat(checked.looked_at[topic]["gone_by"]) > datetime.now(UTC)
    assert "ciphertext that no key opens" in checked.statement
