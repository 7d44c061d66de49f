"""Relational tables of identities and keys, the ledger, published state, the gazetteer and API access."""

from __future__ import annotations

from alphaads_pipelines.schema.columns import Column, Erasure, Privacy, Table, derived, named, plain, pseudonym

SUBJECTS = Table(
    "subjects",
    "relational",
    "Keyed hash of a platform identity -> random subject id.",
    (
        pseudonym("identity_mac", "binary", "HMAC-SHA256 of platform and author id"),
        pseudonym("subject_id"),
        plain("platform", "utf8"),
        plain("shard", "int32"),
    ),
    key=("identity_mac",),
    indexes=(("subject_id",),),
)

SUBJECT_KEYS = Table(
    "subject_keys",
    "relational",
    "Data keys, wrapped by the key-encryption key; deleting a row makes what it sealed unreadable.",
    (
        pseudonym("key_id"),
        pseudonym("subject_id"),
        Column("wrapped_key", "binary", Privacy.SEALED, Erasure.DELETE_ROW, doc="AES-256-GCM under the KEK"),
        plain("expires_at", "timestamp", "of a daily key; null: lives until erasure", nullable=True),
        plain("kek_id", "utf8", "the key-encryption key that wrapped it"),
    ),
    key=("key_id",),
    indexes=(("subject_id",), ("expires_at",)),
)

KEY_GENERATION = Table(
    "key_generation",
    "relational",
    "One row: number of key destructions; a change invalidates key caches.",
    (plain("id", "int32"), plain("generation", "int64")),
    key=("id",),
)

ACTIVE_KEK = Table(
    "active_kek",
    "relational",
    "One row: the key-encryption key for new data keys; locked while one is wrapped.",
    (plain("id", "int32"), plain("kek_id", "utf8"), plain("activated_at", "timestamp")),
    key=("id",),
)

UNFINISHED_RESTORE = Table(
    "unfinished_restore",
    "relational",
    "One row while a restored database is unusable: erasures since the backup are not repeated yet.",
    (plain("id", "int32"), plain("backup_id", "utf8"), plain("began_at", "timestamp")),
    key=("id",),
)

BATCHES = Table(
    "batches",
    "relational",
    "The ledger: micro-batches and their states.",
    (
        plain("batch_seq", "int64"),
        plain("kind", "utf8", "live, replay, or lost: offsets given up by command"),
        plain("state", "utf8", "planned, running, committed, failed, lost, given_up"),
        plain("attempt", "int64", "fencing token: only the latest attempt may write"),
        plain(
            "failures", "int64", "claimed attempts that the batch itself may have crashed; too many need manual action"
        ),
        plain("planned_at", "timestamp"),
        plain("planned_hour", "utf8", "Dagster partition key"),
        plain(
            "requested_at", "timestamp", "when a run of this attempt was requested, or last seen queued", nullable=True
        ),
        plain("retry_at", "timestamp", "earliest time of the next attempt", nullable=True),
        plain("held_until", "timestamp", "deadline of a replay waiting for its partitions", nullable=True),
        plain("lease_until", "timestamp", "heartbeat deadline of the running attempt", nullable=True),
        plain("worker", "utf8", "run id", nullable=True),
        plain("committed_at", "timestamp", nullable=True),
        plain("read_posts", "int64", nullable=True),
        plain("accepted_posts", "int64", nullable=True),
        plain("rejected_posts", "int64", nullable=True),
        plain("duplicate_posts", "int64", nullable=True),
        plain("error", "utf8", "cause of failure, without payload", nullable=True),
    ),
    key=("batch_seq",),
    indexes=(("state",), ("planned_hour",), ("held_until",)),
    autoincrement=True,
)

BATCH_RANGES = Table(
    "batch_ranges",
    "relational",
    "Offsets of each batch; every offset belongs to exactly one live batch.",
    (
        plain("batch_seq", "int64"),
        plain("topic", "utf8"),
        plain("partition", "int32"),
        plain("start_offset", "int64", "first"),
        plain("end_offset", "int64", "one past the last"),
        plain("reached_end", "bool", "the partition ended here when the batch was planned"),
    ),
    key=("batch_seq", "topic", "partition"),
    indexes=(("topic", "partition", "start_offset"),),
)

STREAM_POSITIONS = Table(
    "stream_positions",
    "relational",
    "Planning position and publication watermark per consumer and partition.",
    (
        plain("consumer", "utf8", "name of the consumer"),
        plain("topic", "utf8"),
        plain("partition", "int32"),
        plain("next_offset", "int64", "first unplanned offset"),
        plain("end_offset", "int64", "end of the partition as last seen by the planner"),
        plain("last_kind", "utf8", "last planned kind: live or replay"),
        plain("lost_offsets", "int64", "offsets given up by an explicit command"),
        plain("complete_until", "timestamp", "all records seen before this time are published", nullable=True),
    ),
    key=("consumer", "topic", "partition"),
)

POST_KEYS = Table(
    "post_keys",
    "relational",
    "Index of post keys: the first write of a post wins.",
    (
        pseudonym("post_key", "binary"),
        plain("stream_partition", "int32"),
        plain("stream_offset", "int64"),
    ),
    key=("post_key",),
)

LIVE_PROFILES = Table(
    "live_profiles",
    "relational",
    "The current, published profile of every subject.",
    (
        pseudonym("subject_id"),
        plain("shard", "int32"),
        plain("publish_seq", "int64", "publication of the last change"),
        derived("state", "binary", "as in customer_profiles"),
    ),
    key=("subject_id",),
    has_long_rows=True,
)

PROFILE_CHANGES = Table(
    "profile_changes",
    "relational",
    "Profiles changed by recent publications; trimmed continuously.",
    (
        plain("change_id", "int64"),
        plain("shard", "int32"),
        plain("publish_seq", "int64", "the publication"),
        pseudonym("subject_id"),
    ),
    key=("change_id",),
    indexes=(("shard", "publish_seq"),),
    autoincrement=True,
)

PUBLISHED = Table(
    "published",
    "relational",
    "The published pointer: one row per shard, moved atomically after the checks.",
    (
        plain("shard", "int32"),
        plain("publish_seq", "int64", "publication that readers of this shard see"),
        plain("versions", "json", "lake table -> Delta version"),
        plain("published_at", "timestamp"),
        plain(
            "listed_after",
            "int64",
            "profile_changes holds all later publications of the shard; null: none",
            nullable=True,
        ),
    ),
    key=("shard",),
)

PUBLISHED_DOCUMENTS = Table(
    "published_documents",
    "relational",
    "Small published views, replaced atomically (records.DOCUMENTS).",
    (
        plain("name", "utf8"),
        plain("version", "int64"),
        plain("document", "json"),
        plain("published_at", "timestamp"),
    ),
    key=("name",),
)

API_KEYS = Table(
    "api_keys",
    "relational",
    "Hashed API keys with their scopes and tenant.",
    (
        plain("key_hash", "utf8", "HMAC-SHA256 of the key under SECRET_KEY"),
        plain("name", "utf8"),
        plain("tenant", "utf8"),
        plain("scopes", "utf8", "space separated"),
        plain("created_at", "timestamp"),
        plain("revoked_at", "timestamp", nullable=True),
    ),
    key=("key_hash",),
)

REVOKED_TOKENS = Table(
    "revoked_tokens",
    "relational",
    "Ids of revoked JWTs.",
    (plain("jti", "utf8"), plain("expires_at", "timestamp")),
    key=("jti",),
)

TRACKED_NAMES = Table(
    "tracked_names",
    "relational",
    "The gazetteer: tracked names of brands, products, campaigns and people.",
    (
        named("tracked_id", "utf8", "chosen by the user; referenced by post_entities, as a token for a person"),
        plain("tenant", "utf8", "the tenant"),
        named("name", "utf8", "as written"),
        plain("kind", "utf8", "one of KINDS"),
        plain("entity_type", "utf8", "one of ENTITY_TYPES"),
        named("aliases", "json", "other spellings"),
        plain("campaign_ids", "json", "related campaigns"),
        plain("is_exact_case", "bool", "case-sensitive: Apple, not apple"),
        plain("updated_at", "timestamp"),
    ),
    key=("tracked_id",),
    indexes=(("tenant",),),
)

GAZETTEER_VERSION = Table(
    "gazetteer_version",
    "relational",
    "One row: number of gazetteer edits; workers reload on a change.",
    (plain("id", "int32"), plain("version", "int64")),
    key=("id",),
)

OPERATIONAL_TABLES: tuple[Table, ...] = (
    SUBJECTS,
    SUBJECT_KEYS,
    KEY_GENERATION,
    ACTIVE_KEK,
    UNFINISHED_RESTORE,
    BATCHES,
    BATCH_RANGES,
    STREAM_POSITIONS,
    POST_KEYS,
    LIVE_PROFILES,
    PROFILE_CHANGES,
    PUBLISHED,
    PUBLISHED_DOCUMENTS,
    API_KEYS,
    REVOKED_TOKENS,
    TRACKED_NAMES,
    GAZETTEER_VERSION,
)
