"""The objects that everything else is built on: stores, stream, keys."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from alphaads_pipelines.settings import Settings
from alphaads_pipelines.streams.topics import Topics

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alphaads_pipelines.ingest.ledger import Ledger
    from alphaads_pipelines.privacy.key_ring import KeyRingFile
    from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
    from alphaads_pipelines.privacy.sealer import Sealer
    from alphaads_pipelines.privacy.secrets_file import MasterKeys
    from alphaads_pipelines.stores.lake.base import Lake
    from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
    from alphaads_pipelines.stores.subjects.suppressions import Suppressions
    from alphaads_pipelines.streams.base import Stream


class CoreWiring:
    """Stores, stream and keys of one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topics = Topics(settings.posts_topic, settings.decisions_topic, settings.events_topic)
        self.shards, self.home, self.spool_path = settings.shards, settings.alphaads_home, settings.spool_path

    @cached_property
    def engine(self) -> Engine:
        """The relational store, migrated to the current schema."""
        from alphaads_pipelines.stores.sql.relational import connect, migrate

        self.settings.alphaads_home.mkdir(parents=True, exist_ok=True)
        migrate(self.settings.relational_url)
        engine = connect(self.settings.relational_url)
        self.admit(engine)
        return engine

    def admit(self, engine: Engine) -> None:
        """Refuse a store with an unfinished restore. Raises ConfigurationError."""
        from alphaads_pipelines.stores.sql.restore_guard import refuse_unfinished

        refuse_unfinished(engine)

    @cached_property
    def master_keys(self) -> MasterKeys:
        """The keys of keyed hashes and signatures, created on first use; never if data of older keys exists."""
        from alphaads_pipelines.privacy.secrets_file import MasterKeys
        from alphaads_pipelines.stores.subjects.subject_keys import needs_key_file

        return MasterKeys.load_or_create(self.settings.key_file, is_needed=lambda: needs_key_file(self.engine))

    @cached_property
    def key_ring(self) -> KeyRingFile:
        """The key-encryption keys; rotations apply without a restart."""
        from alphaads_pipelines.privacy.key_ring import KeyRingFile

        _ = self.master_keys  # makes the file
        return KeyRingFile(self.settings.key_file)

    @cached_property
    def subject_keys(self) -> RelationalSubjectKeys:
        """Subject ids and wrapped data keys."""
        from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
        from alphaads_pipelines.stores.subjects.suppressions import suppressed_among

        suppressed = partial(suppressed_among, self.pseudonyms)
        return RelationalSubjectKeys(self.engine, self.key_ring.current, self.shards, suppressed=suppressed)

    @cached_property
    def suppressions(self) -> Suppressions:
        """The erased people."""
        from alphaads_pipelines.stores.subjects.suppressions import Suppressions

        return Suppressions(self.engine, self.pseudonyms, self.subject_keys.generation)

    @cached_property
    def sealer(self) -> Sealer:
        """Seals and unseals bodies."""
        from alphaads_pipelines.privacy.sealer import Sealer

        return Sealer(self.subject_keys, self.shards)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """Keyed hashes of identities."""
        from alphaads_pipelines.privacy.pseudonyms import Pseudonyms

        return Pseudonyms(self.master_keys)

    @cached_property
    def stream(self) -> Stream:
        """The embedded stream, or Kafka."""
        from alphaads_pipelines.streams.registry import STREAMS

        implementation = STREAMS.load(self.settings.stream_kind)
        if self.settings.stream_kind == "embedded":
            stream = implementation(self.settings.stream_path)  # type: ignore[call-arg]
        else:
            stream = implementation(self.kafka_options)  # type: ignore[call-arg]
        for topic in self.topics:
            stream.ensure_topic(topic, self.settings.stream_partitions)
        return stream

    @property
    def kafka_options(self) -> dict[str, str]:
        """The client options that are set, under librdkafka's names."""
        settings = self.settings
        password = settings.kafka_sasl_password
        options = {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "security.protocol": settings.kafka_security_protocol,
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": password.get_secret_value() if password else None,
            "ssl.ca.location": settings.kafka_ssl_ca_file,
            "ssl.certificate.location": settings.kafka_ssl_cert_file,
            "ssl.key.location": settings.kafka_ssl_key_file,
        }
        return {name: str(value) for name, value in options.items() if value is not None}

    @cached_property
    def lake(self) -> Lake:
        """The Delta tables."""
        from alphaads_pipelines.stores.lake.delta import DeltaLake

        return DeltaLake(self.settings.lake_path)

    @cached_property
    def ledger(self) -> Ledger:
        """The plan of micro-batches."""
        from alphaads_pipelines.ingest.batches import BatchLimits
        from alphaads_pipelines.ingest.ledger import Ledger

        settings = self.settings
        limits = BatchLimits(
            max_posts=settings.batch_max_posts,
            split_posts=settings.batch_split_posts,
            in_flight=settings.batches_in_flight,
            lease_s=settings.batch_lease_s,
            max_attempts=settings.batch_max_attempts,
            target_s=settings.batch_target_s,
        )
        partitions = self.stream.partitions(self.topics.posts)
        return Ledger(self.engine, topic=self.topics.posts, shards=self.shards, partitions=partitions, limits=limits)
