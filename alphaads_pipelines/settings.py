"""Every setting, validated once; the only reader of the environment.

`definitions`, `cli`, `resources` and `api` build one `Settings` and pass plain values on. Names are those of the
environment variables (or of `.env`); project-specific ones carry the prefix ALPHAADS_.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_DEV_SECRET = "development-only-secret-change-me-0123456789"


class Settings(BaseSettings):
    """The configuration of one process. Unset external services default to the embedded ones."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore")

    environment: Literal["local", "test", "production"] = Field("local", description="local, test or production")
    debug: bool = Field(False, description="verbose logs; never in production")
    secret_key: SecretStr = Field(SecretStr(_DEV_SECRET), description="signs API tokens; 32+ random characters")

    alphaads_home: Path = Field(Path(".alphaads"), description="folder of all local state")
    alphaads_key_file: Path | None = Field(
        None, description="the key-encryption key; default: beside ALPHAADS_HOME, never inside a backup of it"
    )

    audit_checkpoints_file: Path | None = Field(
        None, description="signed heads of the audit log; default: beside ALPHAADS_HOME"
    )
    key_backups_folder: Path | None = Field(
        None, description="backups of the wrapped data keys; default: beside ALPHAADS_HOME"
    )

    database_url: str | None = Field(None, description="SQLAlchemy URL; default: SQLite under ALPHAADS_HOME")
    redis_url: str | None = Field(None, description="broker of the warm workers; default: SQLite under ALPHAADS_HOME")
    kafka_bootstrap_servers: str | None = Field(None, description="host:port,...; default: the embedded stream")
    kafka_client: Literal["kafka", "kafka_python"] = Field("kafka", description="Kafka client library")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="transport security of the brokers"
    )
    kafka_sasl_mechanism: str | None = Field(None, description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
    kafka_sasl_username: str | None = Field(None, description="SASL user")
    kafka_sasl_password: SecretStr | None = Field(None, description="SASL password")
    kafka_ssl_ca_file: Path | None = Field(None, description="CA certificates that sign the brokers")
    kafka_ssl_cert_file: Path | None = Field(None, description="client certificate")
    kafka_ssl_key_file: Path | None = Field(None, description="client private key")

    posts_topic: str = Field("posts.raw", description="stream of sealed posts")
    decisions_topic: str = Field("ads.decisions", description="stream of decisions")
    events_topic: str = Field("ads.events", description="stream of ad events")
    stream_partitions: int = Field(4, ge=1, description="partitions of a topic that this project creates")
    shards: int = Field(16, ge=1, description="fixed number of subject shards; never change it on a filled lake")

    batch_max_posts: int = Field(20_000, ge=1, description="maximum posts in a micro-batch")
    batch_split_posts: int = Field(4_000, ge=1, description="backlog above which the partitions are split over workers")
    batch_target_s: float = Field(15.0, gt=0, description="target duration of a batch, at the previous one's pace")
    batches_in_flight: int = Field(2, ge=1, description="maximum concurrent micro-batches")
    batch_lease_s: float = Field(15.0, gt=0, description="a batch is reassigned after this long without a heartbeat")
    batch_max_attempts: int = Field(5, ge=1, description="attempts before a batch needs an operator")
    workers: int = Field(2, ge=1, description="warm worker processes that `up` keeps running")
    sensor_wait_s: float = Field(20.0, gt=0, le=50, description="how long a sensor tick waits for new posts")

    scorer_tier: str = Field("neural", description="Scorer of the posts")
    scorer_device: str = Field("auto", description="device of the transformers tier: auto, cpu, cuda, cuda:1, mps")
    scorer_threads: int = Field(0, ge=0, description="processor threads of a model; 0: all this process may use")
    nlp_artifact: Path | None = Field(None, description="folder of our own model; default: the promoted or shipped one")
    nlp_data: Path | None = Field(None, description="folder of public data to train and evaluate our own model")
    sentiment_model: str = Field(
        "cardiffnlp/twitter-roberta-base-sentiment-latest", description="Hugging Face name or folder"
    )
    emotion_model: str = Field(
        "j-hartmann/emotion-english-distilroberta-base", description="Hugging Face name or folder"
    )
    entity_model: str | None = Field(None, description="spaCy pipeline that finds the entities; default: the tier")
    huggingface_api_token: SecretStr | None = Field(None, description="for private and gated models")

    generator: str = Field("templates", description="generator of ad texts: templates, openai or anthropic")
    openai_api_key: SecretStr | None = Field(None, description="for ad texts by OpenAI's models")
    openai_model: str = Field("gpt-5.4-mini", description="OpenAI's name of the model")
    openai_base_url: str | None = Field(None, description="where it answers; default: the public address")
    anthropic_api_key: SecretStr | None = Field(None, description="for ad texts by Anthropic's models")
    anthropic_model: str = Field("claude-haiku-4-5", description="Anthropic's name of the model")
    anthropic_base_url: str | None = Field(None, description="where it answers; default: the public address")
    language_model_prices: str = Field(
        "gpt-5.4-mini=0.75/4.5,claude-haiku-4-5=1/5",
        description="USD per million tokens, model=input/output,...; prices change: look them up",
    )
    language_model_budget_usd: float = Field(1.0, ge=0, description="budget of one run for ad texts")
    openai_moderation: bool = Field(True, description="if its key is set, OpenAI also moderates ad texts")
    sample_campaigns: bool = Field(True, description="synthetic campaigns until there are others; never in production")

    experiment_holdout: float = Field(0.0, ge=0, le=1, description="share of people excluded from all experiments")

    policies: str = Field("thompson,linear_thompson", description="policies that learn, besides those with a role")
    policy_half_life_days: float = Field(56.0, gt=0, description="half-life of learned data")
    decision_retention_days: float = Field(90.0, ge=2, description="retention of decisions and their outcomes")

    max_data_age_s: float = Field(900.0, gt=0, description="data older than this is not served (503)")
    run_retention_hours: float = Field(24.0, gt=0, description="retention of Dagster runs, logs and broker rows")
    lake_retention_hours: float = Field(168.0, ge=0, description="retention of replaced lake files")
    stream_retention_hours: float = Field(168.0, gt=0, description="retention of the embedded stream")
    key_backup_days: float = Field(7.0, gt=0, description="lifetime of a backup of the wrapped data keys")
    audit_retention_days: float = Field(730.0, ge=1, description="retention of the audit log")

    min_group_size: int = Field(10, ge=2, description="minimum people in an aggregate")
    privacy_budget_epsilon: float = Field(
        10.0, ge=0, description="monthly privacy budget of a tenant for noisy aggregates, in epsilon"
    )

    api_host: str = Field("127.0.0.1", description="address the API listens on")
    api_port: int = Field(8000, ge=0, le=65535, description="port of the API")
    metrics_port: int = Field(8001, ge=0, le=65535, description="port of the Prometheus metrics")
    dagster_port: int = Field(3070, ge=0, le=65535, description="port of the Dagster UI, loopback only")
    api_docs: bool = Field(True, description="serve /api/docs and /api/redoc")
    allowed_hosts: str = Field("127.0.0.1,localhost,testserver", description="accepted Host headers")
    cors_origins: str = Field("", description="exact origins, comma separated; empty: none")
    log_json: bool = Field(False, description="logs as JSON lines")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="minimum level logged")

    @field_validator("alphaads_home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @model_validator(mode="after")
    def _production_is_safe(self) -> Settings:
        if self.environment == "production":
            if self.secret_key.get_secret_value() == _DEV_SECRET:
                raise ValueError("SECRET_KEY must be set in production")
            if self.debug:
                raise ValueError("DEBUG must be off in production")
            self.sample_campaigns = False
        if len(self.secret_key.get_secret_value()) < 32:
            raise ValueError("SECRET_KEY needs 32 characters or more")
        if self.stream_partitions > self.shards:
            raise ValueError("STREAM_PARTITIONS may not exceed SHARDS: a partition would have no shard")
        return self

    @property
    def key_file(self) -> Path:
        """The key-encryption key's file: beside the home folder, so that backups of the home omit it."""
        return self.alphaads_key_file or self.alphaads_home.with_name(self.alphaads_home.name + ".key")

    @property
    def erasure_journal_path(self) -> Path:
        """The erasure journal: beside the key file, outside all backups."""
        return self.key_file.with_name(self.key_file.name + ".erasures")

    @property
    def checkpoints_file(self) -> Path:
        """The audit log's checkpoints: outside the home, so that access to the home does not give both."""
        beside = self.alphaads_home.with_name(self.alphaads_home.name + ".checkpoints")
        return (self.audit_checkpoints_file or beside).expanduser().absolute()

    @property
    def key_backups_path(self) -> Path:
        """Backups of the wrapped data keys: apart from backups of the data, which they unlock."""
        beside = self.alphaads_home.with_name(self.alphaads_home.name + ".key-backups")
        return (self.key_backups_folder or beside).expanduser().absolute()

    @property
    def audit_path(self) -> Path:
        """Folder of the audit log's chains."""
        return self.alphaads_home / "audit"

    @property
    def relational_url(self) -> str:
        """SQLAlchemy URL with its driver spelled out."""
        if self.database_url is None:
            return f"sqlite:///{self.alphaads_home / 'relational.db'}"
        scheme, rest = self.database_url.split("://", 1)
        return f"postgresql+psycopg2://{rest}" if scheme in {"postgres", "postgresql"} else self.database_url

    @property
    def broker_url(self) -> str:
        """Celery broker of the warm workers."""
        return self.redis_url or f"sqla+sqlite:///{self.alphaads_home / 'broker.db'}"

    @property
    def result_backend_url(self) -> str:
        """Celery result backend of the warm workers."""
        return self.redis_url or f"db+sqlite:///{self.alphaads_home / 'broker-results.db'}"

    @property
    def stream_kind(self) -> str:
        """Name in the streams registry."""
        return self.kafka_client if self.kafka_bootstrap_servers else "embedded"

    @property
    def lake_path(self) -> Path:
        """Root folder of the Delta tables."""
        return self.alphaads_home / "lake"

    @property
    def stream_path(self) -> Path:
        """Folder of the embedded stream."""
        return self.alphaads_home / "stream"

    @property
    def models_path(self) -> Path:
        """Folder of the models trained by this installation."""
        return self.alphaads_home / "models" / "posts"

    @property
    def ad_texts_path(self) -> Path:
        """Folder of the cached, paid-for responses of language models."""
        return self.alphaads_home / "ad-texts"

    @property
    def training_path(self) -> Path:
        """Folder of checkpoints of unfinished trainings."""
        return self.alphaads_home / "training" / "posts"

    @property
    def dagster_home(self) -> Path:
        """DAGSTER_HOME of this installation."""
        return self.alphaads_home / "dagster"

    @property
    def spool_path(self) -> Path:
        """Folder of the API's local decision spool."""
        return self.alphaads_home / "spool"

    @property
    def multiprocess_metrics_path(self) -> Path:
        """Folder where the processes of `up` share their counters with the metrics server."""
        return self.alphaads_home / "metrics"

    @property
    def logs_path(self) -> Path:
        """Folder of the output of `up`'s processes."""
        return self.alphaads_home / "logs"

    @property
    def dagster_database_url(self) -> str:
        """Dagster's storage in PostgreSQL: the same database, its own schema; empty for SQLite under DAGSTER_HOME."""
        if not self.relational_url.startswith("postgresql"):
            return ""
        from sqlalchemy import make_url

        url = make_url(self.relational_url)
        options = " ".join([*filter(None, [str(url.query.get("options", ""))]), "-csearch_path=dagster"])
        return url.update_query_dict({"options": options}).render_as_string(hide_password=False)

    @property
    def dagster_environment(self) -> dict[str, str]:
        """Environment variables that Dagster reads, and URLs that dagster.yaml refers to."""
        return {
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "ALPHAADS_BROKER_URL": self.broker_url,
            "ALPHAADS_RESULT_BACKEND_URL": self.result_backend_url,
            "ALPHAADS_DAGSTER_DATABASE_URL": self.dagster_database_url,
        }

    @property
    def process_environment(self) -> dict[str, str]:
        """Environment from which a child process builds the same Settings."""
        given = {name.upper(): _as_text(getattr(self, name)) for name in type(self).model_fields}
        own = {name: value for name, value in given.items() if value is not None}
        return {**os.environ, **own, "ALPHAADS_KEY_FILE": str(self.key_file), **self.dagster_environment}

    def export(self) -> None:
        """Add Dagster's variables to this process's environment."""
        os.environ.update(self.dagster_environment)

    def share_cores(self) -> None:
        """Make OpenMP threads sleep instead of spin: on shared cores, spinning slows torch many times over.

        OpenMP reads this once, when torch is imported.
        """
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return str(value).lower() if isinstance(value, bool) else str(value)
