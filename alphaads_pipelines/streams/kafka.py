"""Apache Kafka through confluent-kafka (librdkafka): idempotent producer, exact ranges, no consumer group.

Source of the option names: librdkafka's CONFIGURATION.md.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._listoffsets import OffsetSpec
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from alphaads_pipelines.errors import NotFound, OffsetsLost, StreamUnavailable
from alphaads_pipelines.streams.base import OffsetRange, Record, StoredRecord, Stream
from alphaads_pipelines.telemetry import get_logger

_TIMEOUT_S = 10.0
_SILENCE_S = 30.0
_CHUNK = 5_000
_POLL_S = 0.1
_MOST_BYTES = 16 * 1024 * 1024
_UNKNOWN = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION)
_MOMENTARY = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
_log = get_logger(__name__)


class _QuietLogger:
    """Logs librdkafka's messages at debug level instead of to stderr."""

    def log(self, level: int, message: str, *values: object) -> None:
        """Log one line."""
        _log.debug("librdkafka", level=level, line=message % values if values else message)


class KafkaStream(Stream):
    """Topics of a Kafka cluster.

    Parameters
    ----------
    options: librdkafka options; at least `bootstrap.servers`.
    """

    name: ClassVar[str] = "kafka"

    def __init__(self, options: Mapping[str, str]) -> None:
        self._options: dict[str, Any] = {**options, "socket.timeout.ms": 10_000, "log_level": 3}
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}

    def ensure_topic(self, topic: str, partitions: int) -> int:
        """Create the topic if missing."""
        try:
            return self.partitions(topic)
        except NotFound:
            [future] = self._admin.create_topics([NewTopic(topic, partitions)], request_timeout=_TIMEOUT_S).values()
            try:
                future.result(_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise _unavailable(f"creating {topic}", error) from error
            return self._await_topic(topic)

    def _await_topic(self, topic: str) -> int:
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
        try:
            found = self._admin.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
        except KafkaException as error:
            raise _unavailable(f"asking for {topic}", error) from error
        if found.error is not None and found.error.code() in _UNKNOWN:
            raise NotFound(f"there is no topic {topic}")
        if found.error is not None or not found.partitions:
            raise StreamUnavailable(f"asking for {topic}: {found.error}")
        return len(found.partitions)

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the offset the next record will get."""
        return self._offsets(topic, OffsetSpec.latest())

    def low_offsets(self, topic: str) -> dict[int, int]:
        """Per partition, the first offset still held."""
        return self._offsets(topic, OffsetSpec.earliest())

    def _offsets(self, topic: str, which: OffsetSpec) -> dict[int, int]:
        wanted = {TopicPartition(topic, partition): which for partition in range(self.partitions(topic))}
        deadline = time.monotonic() + _TIMEOUT_S
        while True:
            futures = self._admin.list_offsets(wanted, request_timeout=_TIMEOUT_S)
            try:
                return {where.partition: future.result(_TIMEOUT_S).offset for where, future in futures.items()}
            except KafkaException as error:
                # Momentary after creation or a leader change.
                if not error.args[0].retriable() and error.args[0].code() not in _MOMENTARY:
                    raise _unavailable(f"asking for the offsets of {topic}", error) from error
                if time.monotonic() > deadline:
                    raise _unavailable(f"asking for the offsets of {topic}", error) from error
                time.sleep(_POLL_S)

    def produce(self, topic: str, records: Sequence[Record]) -> None:
        """Append; return when all in-sync replicas acknowledged every record."""
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _message: object) -> None:
            if error is not None:
                failures.append(error)

        producer = self._producer
        for record in records:
            self._enqueue(producer, topic, record, delivered)
        left = producer.flush(_SILENCE_S)
        if left or failures:
            self._forget("producer")  # its queue must not be sent after this call failed
            producer.purge()
            producer.flush(1.0)
            reason = failures[0].str() if failures else "no answer"
            raise StreamUnavailable(f"{max(left, len(failures))} records of {topic} were not acknowledged: {reason}")

    def _enqueue(self, producer: Any, topic: str, record: Record, delivered: Any) -> None:
        while True:
            try:
                producer.produce(topic, record.value, partition=record.partition, on_delivery=delivered)
                producer.poll(0)
                return
            except BufferError:
                producer.poll(_POLL_S)

    def read(self, ranges: Sequence[OffsetRange]) -> Iterator[list[StoredRecord]]:
        """Read all records of the ranges; a partition ends by consumer position."""
        wanted = [each for each in ranges if len(each) > 0]
        for topic in {each.topic for each in wanted}:
            lows = self.low_offsets(topic)
            for each in wanted:
                if each.topic == topic and each.start < lows[each.partition]:
                    raise OffsetsLost(topic, each.partition, each.start, lows[each.partition])
        if not wanted:
            return
        consumer = Consumer(self._consumer_options(), logger=_QuietLogger())
        try:
            consumer.assign([TopicPartition(each.topic, each.partition, each.start) for each in wanted])
            yield from self._consume(consumer, {(each.topic, each.partition): each for each in wanted})
        finally:
            consumer.close()

    def _consume(self, consumer: Any, open_: dict[tuple[str, int], OffsetRange]) -> Iterator[list[StoredRecord]]:
        heard = time.monotonic()
        while open_:
            messages = consumer.consume(_CHUNK, timeout=_POLL_S)
            chunk = []
            for message in messages:
                if message.error() is not None:
                    _check(message.error(), message.topic())
                    continue
                each = open_.get((message.topic(), message.partition()))
                if each is not None and message.offset() < each.end:
                    chunk.append(StoredRecord(message.partition(), message.offset(), message.value() or b""))
            if chunk:
                yield chunk
            if messages:
                heard = time.monotonic()
            self._close_done(consumer, open_)
            if time.monotonic() - heard > _SILENCE_S:
                raise StreamUnavailable(f"the broker sent nothing for {_SILENCE_S:.0f} s in the middle of a range")

    def _close_done(self, consumer: Any, open_: dict[tuple[str, int], OffsetRange]) -> None:
        """Gaps left by compaction or transactions have no records to count, so ranges end by position."""
        for where in consumer.position([TopicPartition(*key) for key in open_]):
            if where.offset >= open_[where.topic, where.partition].end:
                del open_[where.topic, where.partition]
                consumer.incremental_unassign([TopicPartition(where.topic, where.partition)])

    def retention(self, topic: str) -> timedelta | None:
        """Maximum time that a record can be read: until its segment was closed, plus the retention."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        try:
            [future] = self._admin.describe_configs([resource], request_timeout=_TIMEOUT_S).values()
            found = future.result(_TIMEOUT_S)
        except KafkaException as error:
            raise _unavailable(f"asking for the retention of {topic}", error) from error
        kept, open_ = (int(found[name].value) for name in ("retention.ms", "segment.ms"))
        return None if kept < 0 else timedelta(milliseconds=kept + open_)

    def close(self) -> None:
        """Flush and release the clients."""
        with self._lock:
            made, self._made = self._made, {}
        if "producer" in made:
            made["producer"].flush(_TIMEOUT_S)

    @property
    def _admin(self) -> Any:
        return self._client("admin", lambda: AdminClient(self._options, logger=_QuietLogger()))

    @property
    def _producer(self) -> Any:
        options = {
            **self._options,
            "enable.idempotence": True,
            "acks": "all",
            "linger.ms": 5,
            "compression.type": "none",  # sealed bodies do not compress
            "message.max.bytes": _MOST_BYTES,
            "delivery.timeout.ms": int(_SILENCE_S * 1000),
        }
        return self._client("producer", lambda: Producer(options, logger=_QuietLogger()))

    def _consumer_options(self) -> dict[str, Any]:
        return {
            **self._options,
            "group.id": "alphaads-range-reader",  # required by librdkafka; nothing is committed under it
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
        }

    def _client(self, name: str, make: Any) -> Any:
        with self._lock:
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    def _forget(self, name: str) -> None:
        with self._lock:
            self._made.pop(name, None)


def _check(error: KafkaError, topic: str | None) -> None:
    """Raise on real failures; end of partition and retried transport errors are none."""
    if error.code() in _UNKNOWN:
        raise NotFound(f"there is no topic {topic}")
    if error.code() == KafkaError._AUTO_OFFSET_RESET:
        raise StreamUnavailable(f"{topic}: the broker refused the offset asked for: {error.str()}")
    if error.fatal():
        raise StreamUnavailable(f"{topic}: {error.str()}")


def _unavailable(attempt: str, error: KafkaException) -> StreamUnavailable:
    return StreamUnavailable(f"{attempt}: {error.args[0].str()}")
