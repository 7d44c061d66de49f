"""Apache Kafka through kafka-python: pure Python, slower, same guarantees, for machines without librdkafka."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from alphaads_pipelines.errors import NotFound, OffsetsLost, StreamUnavailable
from alphaads_pipelines.streams.base import OffsetRange, Record, StoredRecord, Stream

_TIMEOUT_S = 10.0
_SILENCE_S = 30.0
_CHUNK = 5_000
_POLL_S = 0.1
_NAMES = {
    "bootstrap.servers": "bootstrap_servers",
    "security.protocol": "security_protocol",
    "sasl.mechanism": "sasl_mechanism",
    "sasl.username": "sasl_plain_username",
    "sasl.password": "sasl_plain_password",
    "ssl.ca.location": "ssl_cafile",
    "ssl.certificate.location": "ssl_certfile",
    "ssl.key.location": "ssl_keyfile",
}


@contextmanager
def _translated(attempt: str) -> Iterator[None]:
    try:
        yield
    except KafkaError as error:
        raise StreamUnavailable(f"{attempt}: {type(error).__name__}") from error


class KafkaPythonStream(Stream):
    """Topics of a Kafka cluster. `options` use librdkafka's names."""

    name: ClassVar[str] = "kafka_python"

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options = {_NAMES[name]: value for name, value in options.items()}
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()

    @property
    def _client_options(self) -> dict[str, Any]:
        return {**self._options, "bootstrap_timeout_ms": int(_TIMEOUT_S * 1000)}

    def ensure_topic(self, topic: str, partitions: int) -> int:
        """Create the topic if missing."""
        try:
            return self.partitions(topic)
        except NotFound:
            with _translated(f"creating {topic}"):
                admin = KafkaAdminClient(**self._client_options)
                try:
                    admin.create_topics([NewTopic(topic, partitions, -1)])
                except TopicAlreadyExistsError:
                    pass
                finally:
                    admin.close()
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                return self.partitions(topic)
            except NotFound:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL_S)

    def partitions(self, topic: str) -> int:
        """Number of partitions."""
        with self._lock, _translated(f"asking for {topic}"):
            consumer = self._metadata_consumer()
            if topic not in consumer.topics():
                raise NotFound(f"there is no topic {topic}")
            return len(consumer.partitions_for_topic(topic) or ())

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the offset the next record will get."""
        return self._offsets(topic, lambda consumer, where: consumer.end_offsets(where))

    def low_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the first offset still held."""
        return self._offsets(topic, lambda consumer, where: consumer.beginning_offsets(where))

    def _offsets(self, topic: str, ask: Callable[[Any, list[Any]], dict[Any, int]]) -> dict[int, int]:
        where = [TopicPartition(topic, partition) for partition in range(self.partitions(topic))]
        with self._lock, _translated(f"asking for the offsets of {topic}"):
            return {each.partition: offset for each, offset in ask(self._metadata_consumer(), where).items()}

    def produce(self, topic: str, records: Sequence[Record]) -> None:
        """Append; return when all in-sync replicas acknowledged every record."""
        with self._lock, _translated(f"producing to {topic}"):
            producer = self._producer()
            futures = [producer.send(topic, record.value, partition=record.partition) for record in records]
            try:
                producer.flush(_SILENCE_S)
                for future in futures:
                    future.get(_SILENCE_S)
            except KafkaError:
                self._made.pop("producer").close(0)
                raise

    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[list[StoredRecord]]:
        """Read all records of the ranges; a partition ends by consumer position."""
        wanted = [each for each in ranges if len(each) > 0]
        for each in wanted:
            low = self.low_offsets(each.topic)[each.partition]
            if each.start < low:
                raise OffsetsLost(each.topic, each.partition, each.start, low)
        if not wanted:
            return
        with _translated("reading a range"):
            consumer = self._consumer()
            try:
                open_ = {TopicPartition(each.topic, each.partition): each for each in wanted}
                consumer.assign(list(open_))
                for where, each in open_.items():
                    consumer.seek(where, each.start)
                yield from _consume(consumer, open_)
            finally:
                consumer.close()

    def close(self) -> None:
        """Release the clients."""
        with self._lock:
            while self._made:
                self._made.popitem()[1].close()

    def _producer(self) -> Any:
        if "producer" not in self._made:
            self._made["producer"] = KafkaProducer(
                **self._client_options,
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                max_request_size=16 * 1024 * 1024,
                delivery_timeout_ms=int(_SILENCE_S * 1000),
                request_timeout_ms=int(_SILENCE_S * 1000 / 2),  # must not exceed delivery_timeout_ms
                max_block_ms=int(_SILENCE_S * 1000),
            )
        return self._made["producer"]

    def _metadata_consumer(self) -> Any:
        if "metadata" not in self._made:
            self._made["metadata"] = self._consumer()
        return self._made["metadata"]

    def _consumer(self) -> Any:
        return KafkaConsumer(
            **self._client_options,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            max_poll_records=_CHUNK,
            request_timeout_ms=10_000,
        )


def _consume(consumer: Any, open_: dict[Any, OffsetRange]) -> Iterator[list[StoredRecord]]:
    heard = time.monotonic()
    while open_:
        polled = consumer.poll(timeout_ms=int(_POLL_S * 1000))
        chunk = [
            StoredRecord(message.partition, message.offset, message.value or b"")
            for where, messages in polled.items()
            if where in open_
            for message in messages
            if message.offset < open_[where].end
        ]
        if chunk:
            yield chunk
        if polled:
            heard = time.monotonic()
        done = [where for where, each in open_.items() if consumer.position(where) >= each.end]
        for where in done:
            del open_[where]
        if done:
            consumer.pause(*done)
        if time.monotonic() - heard > _SILENCE_S:
            raise StreamUnavailable(f"the broker sent nothing for {_SILENCE_S:.0f} s in the middle of a range")
