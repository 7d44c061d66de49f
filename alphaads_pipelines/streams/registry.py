"""Streams by name; a new one is a file in this room and a line here."""

from alphaads_pipelines.registry import Registry
from alphaads_pipelines.streams.base import Stream

STREAMS: Registry[Stream] = Registry(
    "stream",
    {
        "embedded": "alphaads_pipelines.streams.embedded:EmbeddedStream",
        "kafka": "alphaads_pipelines.streams.kafka:KafkaStream",
        "kafka_python": "alphaads_pipelines.streams.kafka_python:KafkaPythonStream",
    },
)
