"""Wiring: from one `Settings` to the domain objects, each built on first use.

The one place where configuration chooses implementations. Dagster resources, the API and the CLI all build a
`Wiring` and hand its plain objects on, so that the three can never differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from alphaads_pipelines.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from alphaads_pipelines.audit.log import AuditLog
    from alphaads_pipelines.decisions.decide import Decider
    from alphaads_pipelines.ingest.accept import Acceptor
    from alphaads_pipelines.ingest.intake import Intake
    from alphaads_pipelines.ingest.ledger import Ledger
    from alphaads_pipelines.nlp.base import Options, Scorer
    from alphaads_pipelines.nlp.tracked_names import CurrentGazetteer
    from alphaads_pipelines.nlp.trained_models import TrainedModels
    from alphaads_pipelines.nlp.training.recipe import Recipe
    from alphaads_pipelines.pipeline.aggregates import CurrentGroups
    from alphaads_pipelines.privacy.key_ring import KeyRingFile
    from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
    from alphaads_pipelines.privacy.sealer import Sealer
    from alphaads_pipelines.privacy.secrets_file import MasterKeys
    from alphaads_pipelines.stores.lake.base import Lake
    from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
    from alphaads_pipelines.stores.subjects.suppressions import Suppressions
    from alphaads_pipelines.streams.base import Stream
    from alphaads_pipelines.wiring_rights import RightsWiring

OF_OUR_MODEL = frozenset({"neural", "cascade"})
"""Tiers whose answers come from `Options.artifact`."""


class Wiring:
    """The domain objects of one process, as `settings` asks for them. Close after use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

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
        """Raises ConfigurationError if the store may not be used now."""
        from alphaads_pipelines.stores.sql.restore_guard import refuse_unfinished

        refuse_unfinished(engine)

    @cached_property
    def master_keys(self) -> MasterKeys:
        """The keys of the keyed hashes and signatures, made on first use; never anew beside data of older ones."""
        from alphaads_pipelines.privacy.secrets_file import MasterKeys
        from alphaads_pipelines.stores.subjects.subject_keys import holds_anything

        return MasterKeys.load_or_create(self.settings.key_file, is_needed=lambda: holds_anything(self.engine))

    @cached_property
    def key_ring(self) -> KeyRingFile:
        """The key-encryption keys; they follow a rotation without a restart."""
        from alphaads_pipelines.privacy.key_ring import KeyRingFile

        _ = self.master_keys  # makes the file
        return KeyRingFile(self.settings.key_file)

    @cached_property
    def subject_keys(self) -> RelationalSubjectKeys:
        """Subject ids and wrapped data keys."""
        from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
        from alphaads_pipelines.stores.subjects.suppressions import suppressed_among

        suppressed = partial(suppressed_among, self.pseudonyms)
        return RelationalSubjectKeys(self.engine, self.key_ring.current, self.settings.shards, suppressed=suppressed)

    @cached_property
    def suppressions(self) -> Suppressions:
        """Who was erased."""
        from alphaads_pipelines.stores.subjects.suppressions import Suppressions

        return Suppressions(self.engine, self.pseudonyms, self.subject_keys.generation)

    @cached_property
    def sealer(self) -> Sealer:
        """Seals and unseals bodies."""
        from alphaads_pipelines.privacy.sealer import Sealer

        return Sealer(self.subject_keys, self.settings.shards)

    @cached_property
    def pseudonyms(self) -> Pseudonyms:
        """Keyed hashes that stand for identities."""
        from alphaads_pipelines.privacy.pseudonyms import Pseudonyms

        return Pseudonyms(self.master_keys)

    @cached_property
    def rights(self) -> RightsWiring:
        """What people may ask for: export, erasure, who saw their data; and what proves it."""
        from alphaads_pipelines.wiring_rights import RightsWiring

        return RightsWiring(self)

    @cached_property
    def audit(self) -> AuditLog:
        """Where every access to personal data is recorded before it happens."""
        from alphaads_pipelines.audit.log import AuditLog

        return AuditLog(self.settings.audit_path, self.rights.audit_keys, self.rights.checkpoints)

    @cached_property
    def stream(self) -> Stream:
        """The embedded stream, or Kafka."""
        from alphaads_pipelines.streams.registry import STREAMS

        implementation = STREAMS.load(self.settings.stream_kind)
        if self.settings.stream_kind == "embedded":
            stream = implementation(self.settings.stream_path)  # type: ignore[call-arg]
        else:
            stream = implementation(self.kafka_options)  # type: ignore[call-arg]
        for topic in (self.settings.posts_topic, self.settings.decisions_topic, self.settings.events_topic):
            stream.ensure_topic(topic, self.settings.stream_partitions)
        return stream

    @property
    def kafka_options(self) -> dict[str, str]:
        """Client options under librdkafka's names; only those that are set."""
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
    def intake(self) -> Intake:
        """The only writer of the posts stream."""
        from alphaads_pipelines.ingest.intake import Intake
        from alphaads_pipelines.platforms.registry import PLATFORMS

        topic = self.settings.posts_topic
        return Intake(self.stream, topic, self.sealer, self.pseudonyms, self.suppressions, PLATFORMS)

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
        partitions = self.stream.partitions(settings.posts_topic)
        return Ledger(
            self.engine, topic=settings.posts_topic, shards=settings.shards, partitions=partitions, limits=limits
        )

    @cached_property
    def acceptor(self) -> Acceptor:
        """Turns a batch's records into accepted and rejected rows."""
        from alphaads_pipelines.ingest.accept import Acceptor
        from alphaads_pipelines.platforms.registry import PLATFORMS

        return Acceptor(self.stream, self.sealer, self.pseudonyms, PLATFORMS, self.engine, self.lake)

    @cached_property
    def lake(self) -> Lake:
        """The Delta tables."""
        from alphaads_pipelines.stores.lake.delta import DeltaLake

        return DeltaLake(self.settings.lake_path)

    @cached_property
    def scorer(self) -> Scorer:
        """The scorer of the configured tier; a tier of our own model follows what is promoted."""
        import msgspec

        from alphaads_pipelines.nlp.registry import build_scorer
        from alphaads_pipelines.nlp.serving import ServingScorer

        tier, options = self.settings.scorer_tier, scorer_options(self.settings)
        if tier not in OF_OUR_MODEL or self.settings.nlp_artifact is not None:
            return build_scorer(tier, options)

        def build(artifact: Path) -> Scorer:
            return build_scorer(tier, msgspec.structs.replace(options, artifact=artifact))

        return ServingScorer(build, self.trained_models.serving)

    @cached_property
    def trained_models(self) -> TrainedModels:
        """What this installation trained, and which model serves."""
        return trained_models(self.settings)

    @cached_property
    def released_groups(self) -> CurrentGroups:
        """The groups that aggregates are answered from, as they were last released."""
        from alphaads_pipelines.pipeline.aggregates import CurrentGroups

        return CurrentGroups(self.engine)

    @cached_property
    def decider(self) -> Decider:
        """Makes the decisions of this process."""
        from alphaads_pipelines.decisions.budget.reservations import Reservations
        from alphaads_pipelines.decisions.decide import Decider

        salt = self.pseudonyms.assignment_salt()
        return Decider(Reservations(self.engine), salt, self.settings.experiment_holdout)

    @cached_property
    def recipe(self) -> Recipe:
        """How the asset `nlp_model` is trained."""
        from alphaads_pipelines.nlp.training.recipe import Recipe

        return Recipe(threads=self.settings.scorer_threads)

    @cached_property
    def gazetteer(self) -> CurrentGazetteer:
        """The tracked names, as users have them now."""
        from alphaads_pipelines.nlp.tracked_names import CurrentGazetteer

        return CurrentGazetteer(self.engine)

    def close(self) -> None:
        """Release what was built."""
        if "audit" in self.__dict__:
            self.audit.close()
        if "stream" in self.__dict__:
            self.stream.close()
        if "engine" in self.__dict__:
            self.engine.dispose()


def trained_models(settings: Settings) -> TrainedModels:
    """What this installation trained, and which of its models serves."""
    from alphaads_pipelines.nlp.trained_models import TrainedModels

    return TrainedModels(settings.models_path)


def serving_model(settings: Settings) -> Path:
    """Folder of our own model that serves now."""
    return settings.nlp_artifact or trained_models(settings).serving()


def scorer_options(settings: Settings) -> Options:
    """What the settings say to whichever scorer is built."""
    from alphaads_pipelines.nlp.base import Options

    token = settings.huggingface_api_token
    return Options(
        sentiment_model=settings.sentiment_model,
        emotion_model=settings.emotion_model,
        device=settings.scorer_device,
        token=token.get_secret_value() if token else None,
        entity_model=settings.entity_model,
        artifact=serving_model(settings),
        threads=settings.scorer_threads,
    )


@contextmanager
def wired(settings: Settings, kind: type[Wiring] = Wiring) -> Iterator[Wiring]:
    """A `Wiring`, or one of a kind that overrides some of it, that is closed at the end of the block."""
    wiring = kind(settings)
    try:
        yield wiring
    finally:
        wiring.close()
