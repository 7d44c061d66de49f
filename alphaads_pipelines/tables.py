"""Every table: name, columns, types, keys, partitioning, and of each column its privacy label and erasure path.

This is the one place where a stored column is declared (in the words of schema.py). The lake's Delta schema, the
relational schema, the blocking schema checks and the documentation are generated from it; nothing here imports a store.
"""

from __future__ import annotations

from alphaads_pipelines.schema import Column, ColumnType, Erasure, Privacy, Table


def _plain(name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False) -> Column:
    return Column(name, type_, nullable=nullable, doc=doc)


def _pseudonym(name: str, type_: ColumnType = "utf8", doc: str = "", *, nullable: bool = False) -> Column:
    return Column(name, type_, Privacy.PSEUDONYM, Erasure.DELETE_ROW, nullable, doc)


def _derived(name: str, type_: ColumnType, doc: str = "", *, nullable: bool = False) -> Column:
    return Column(name, type_, Privacy.DERIVED, Erasure.DELETE_ROW, nullable, doc)


def _sealed(name: str, doc: str = "") -> Column:
    return Column(name, "binary", Privacy.SEALED, Erasure.DESTROY_KEY, doc=doc)


_PLACE = (
    _plain("shard", "int32", "stable hash of the subject over the fixed number of shards"),
    _plain("stream_partition", "int32", "partition of the stream record"),
    _plain("stream_offset", "int64", "offset of the stream record in its partition"),
    _plain("batch_seq", "int64", "sequence number of the micro-batch that planned the record"),
)
_ENVELOPE = (
    _plain("platform", "utf8", "social network"),
    _pseudonym("subject_id", doc="random id of the author; of the daily key if nobody could be attributed"),
    _plain("key_id", "utf8", "which key sealed the body"),
    Column("nonce", "binary", doc="AES-GCM nonce, 12 bytes"),
    _sealed("sealed_body", "AES-256-GCM ciphertext of the payload"),
    _plain("schema_version", "int32", "envelope version"),
    _plain("correlation_id", "utf8", "follows a post from intake to answer"),
    _plain("observed_at", "timestamp", "when intake saw the post"),
)

RAW_POSTS = Table(
    "raw_posts",
    "lake",
    "First accepted version of every post, still sealed, and its later edits.",
    (
        _plain("event_date", "date", "UTC date of created_at"),
        *_PLACE,
        *_ENVELOPE,
        _pseudonym("post_key", "binary", "keyed hash of platform, post id and version, 16 bytes"),
        _plain("version", "int32", "0 for the post, 1.. for its edits"),
        _plain("kind", "utf8", "original, reply, repost or quote"),
        _derived("created_at", "timestamp", "when the person posted"),
    ),
    key=("post_key",),
    partition_by=("event_date", "shard"),
)

REJECTED_POSTS = Table(
    "rejected_posts",
    "lake",
    "Stream records that could not become posts, still sealed, with the reason; replayed after a fix.",
    (
        _plain("event_date", "date", "UTC date of observed_at"),
        *_PLACE,
        *_ENVELOPE,
        _plain("attributed", "bool", "whether the payload names its author"),
        _plain("reason", "utf8", "stable code"),
        _plain("detail", "utf8", "what was expected; holds no value of the payload"),
    ),
    key=("stream_partition", "stream_offset"),
    partition_by=("event_date", "shard"),
)

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SENTIMENTS = ("negative", "neutral", "positive")

POST_SCORES = Table(
    "post_scores",
    "lake",
    "What the scorer says of each accepted post; null where it cannot honestly say.",
    (
        _plain("event_date", "date", "UTC date of created_at"),
        *_PLACE,
        _plain("platform", "utf8", "social network"),
        _pseudonym("subject_id"),
        _pseudonym("post_key", "binary"),
        _plain("version", "int32"),
        _derived("created_at", "timestamp"),
        _derived("language", "utf8", "ISO 639-1", nullable=True),
        _derived("language_confidence", "float64", "0 to 1", nullable=True),
        _derived("sentiment", "utf8", "one of SENTIMENTS", nullable=True),
        *(_derived(f"sentiment_{label}", "float64", "probability", nullable=True) for label in SENTIMENTS),
        _derived("emotion", "utf8", "one of EMOTIONS", nullable=True),
        *(_derived(f"emotion_{label}", "float64", "probability", nullable=True) for label in EMOTIONS),
        _derived("confidence", "float64", "probability of the sentiment label", nullable=True),
        _plain("null_reason", "utf8", "why fields are null: field=reason, comma separated", nullable=True),
        _plain("tier", "utf8", "scorer tier"),
        _plain("model_name", "utf8"),
        _plain("model_version", "utf8"),
    ),
    key=("post_key",),
    partition_by=("event_date", "shard"),
)

CUSTOMER_PROFILES = Table(
    "customer_profiles",
    "lake",
    "A version of a person's profile for each batch that changed it; the newest batch_seq is current.",
    (
        _plain("shard", "int32"),
        _plain("batch_seq", "int64", "the batch that made this version"),
        _pseudonym("subject_id"),
        _derived("posts", "int64", "posts folded so far"),
        _derived("mood", "utf8", "time-decayed leading emotion as of the last post", nullable=True),
        _derived("sentiment_mean", "float64", "-1 to 1 over all scored posts", nullable=True),
        _derived("language", "utf8", "most used, ISO 639-1", nullable=True),
        _derived("first_post_at", "timestamp", "start of the hour"),
        _derived("last_post_at", "timestamp", "start of the hour"),
        _derived("state", "binary", "integer hourly buckets, MessagePack (profiles/fold.py)"),
    ),
    key=("subject_id", "batch_seq"),
    partition_by=("shard",),
)

EMOTIONAL_JOURNEYS = Table(
    "emotional_journeys",
    "lake",
    "Per person and hour: cumulative counts as of a batch; the newest batch_seq of an hour is current.",
    (
        _plain("shard", "int32"),
        _plain("batch_seq", "int64"),
        _pseudonym("subject_id"),
        _derived("hour_at", "timestamp", "start of the hour"),
        _derived("posts", "int64"),
        _derived("sentiment_sum_milli", "int64", "sum of (positive - negative) probability, in thousandths"),
        *(_derived(f"{label}_posts", "int64", f"posts whose emotion is {label}") for label in EMOTIONS),
    ),
    key=("subject_id", "hour_at", "batch_seq"),
    partition_by=("shard",),
)

AD_CREATIVES = Table(
    "ad_creatives",
    "lake",
    "Rendered ad texts; an arm of the bandit each.",
    (
        _plain("creative_id", "utf8"),
        _plain("campaign_id", "utf8"),
        _plain("emotion", "utf8", "emotion of the audience it was written for"),
        _plain("tone", "utf8"),
        _plain("headline", "utf8"),
        _plain("body", "utf8"),
        _plain("call_to_action", "utf8"),
        _plain("generator", "utf8", "name and version of the generator"),
        _plain("moderation", "utf8", "approved or refused"),
        _plain("created_at", "timestamp"),
    ),
    key=("creative_id",),
)

BANDIT_POLICY = Table(
    "bandit_policy",
    "lake",
    "Posterior of every arm at every version of the policy.",
    (
        _plain("policy", "utf8"),
        _plain("version", "int64"),
        _plain("arm_id", "utf8"),
        _plain("alpha", "float64", "Beta posterior"),
        _plain("beta", "float64", "Beta posterior"),
        _plain("pulls", "int64"),
        _plain("rewards", "int64"),
        _plain("updated_at", "timestamp"),
    ),
    key=("policy", "version", "arm_id"),
)

SUBJECTS = Table(
    "subjects",
    "relational",
    "Keyed hash of a platform identity -> random subject id.",
    (
        _pseudonym("identity_mac", "binary", "HMAC-SHA256 of platform and author id"),
        _pseudonym("subject_id"),
        _plain("platform", "utf8"),
        _plain("shard", "int32"),
    ),
    key=("identity_mac",),
    indexes=(("subject_id",),),
)

SUBJECT_KEYS = Table(
    "subject_keys",
    "relational",
    "Data keys, wrapped by the key-encryption key; deleting a row destroys what it sealed.",
    (
        _plain("key_id", "utf8"),
        _pseudonym("subject_id"),
        Column("wrapped_key", "binary", Privacy.SEALED, Erasure.DELETE_ROW, doc="AES-256-GCM under the KEK"),
        _plain("expires_at", "timestamp", "of a daily key; null: lives until erasure", nullable=True),
    ),
    key=("key_id",),
    indexes=(("subject_id",), ("expires_at",)),
)

KEY_GENERATION = Table(
    "key_generation",
    "relational",
    "One row: how often keys were destroyed; caches of keys are dropped when it moves.",
    (_plain("id", "int32"), _plain("generation", "int64")),
    key=("id",),
)

BATCHES = Table(
    "batches",
    "relational",
    "The ledger: planned micro-batches and what became of them.",
    (
        _plain("batch_seq", "int64"),
        _plain("kind", "utf8", "live, replay, or lost: offsets given up by command"),
        _plain("state", "utf8", "planned, running, committed, failed, lost, given_up"),
        _plain("attempt", "int64", "fencing token: only the latest attempt may write"),
        _plain("failures", "int64", "claimed attempts that the batch itself may have ended; too many need a person"),
        _plain("planned_at", "timestamp"),
        _plain("planned_hour", "utf8", "Dagster partition key"),
        _plain(
            "requested_at", "timestamp", "when a run of this attempt was requested, or last seen waiting", nullable=True
        ),
        _plain("retry_at", "timestamp", "the next attempt is not requested before", nullable=True),
        _plain("held_until", "timestamp", "a replay waits for its partitions, until this time", nullable=True),
        _plain("lease_until", "timestamp", "heartbeat deadline of the running attempt", nullable=True),
        _plain("worker", "utf8", "who runs it: run id", nullable=True),
        _plain("committed_at", "timestamp", nullable=True),
        _plain("read_posts", "int64", nullable=True),
        _plain("accepted_posts", "int64", nullable=True),
        _plain("rejected_posts", "int64", nullable=True),
        _plain("duplicate_posts", "int64", nullable=True),
        _plain("error", "utf8", "why it failed; holds no payload", nullable=True),
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
        _plain("batch_seq", "int64"),
        _plain("topic", "utf8"),
        _plain("partition", "int32"),
        _plain("start_offset", "int64", "first"),
        _plain("end_offset", "int64", "one past the last"),
        _plain("reached_end", "bool", "the partition ended here when the batch was planned"),
    ),
    key=("batch_seq", "topic", "partition"),
    indexes=(("topic", "partition", "start_offset"),),
)

STREAM_POSITIONS = Table(
    "stream_positions",
    "relational",
    "Per consumer and partition: up to where batches are planned, and since when all is published.",
    (
        _plain("consumer", "utf8", "which walk over the topic"),
        _plain("topic", "utf8"),
        _plain("partition", "int32"),
        _plain("next_offset", "int64", "first offset not planned yet"),
        _plain("end_offset", "int64", "where the partition ended when the planner last looked"),
        _plain("last_kind", "utf8", "live or replay: whose turn the partition had last"),
        _plain("lost_offsets", "int64", "offsets given up by an explicit command"),
        _plain("complete_until", "timestamp", "all records seen before this time are published", nullable=True),
    ),
    key=("consumer", "topic", "partition"),
)

POST_KEYS = Table(
    "post_keys",
    "relational",
    "Index of post keys: the first write of a post wins.",
    (
        _pseudonym("post_key", "binary"),
        _plain("stream_partition", "int32"),
        _plain("stream_offset", "int64"),
    ),
    key=("post_key",),
)

LIVE_PROFILES = Table(
    "live_profiles",
    "relational",
    "The current, published profile of every subject.",
    (
        _pseudonym("subject_id"),
        _plain("shard", "int32"),
        _plain("publish_seq", "int64", "the publication that changed it last"),
        _derived("state", "binary", "as in customer_profiles"),
    ),
    key=("subject_id",),
    indexes=(("shard", "publish_seq"),),
)

PUBLISHED = Table(
    "published",
    "relational",
    "The published pointer: one row per shard, moved atomically after the checks.",
    (
        _plain("shard", "int32"),
        _plain("publish_seq", "int64", "counts publications; readers see this shard as of this one"),
        _plain("versions", "json", "lake table -> Delta version"),
        _plain("published_at", "timestamp"),
    ),
    key=("shard",),
)

PUBLISHED_DOCUMENTS = Table(
    "published_documents",
    "relational",
    "Small published views that are swapped whole: creatives, bandit policy.",
    (
        _plain("name", "utf8"),
        _plain("version", "int64"),
        _plain("document", "json"),
        _plain("published_at", "timestamp"),
    ),
    key=("name",),
)

API_KEYS = Table(
    "api_keys",
    "relational",
    "Hashed API keys with their scopes and tenant.",
    (
        _plain("key_hash", "utf8", "HMAC-SHA256 of the key under SECRET_KEY"),
        _plain("name", "utf8"),
        _plain("tenant", "utf8"),
        _plain("scopes", "utf8", "space separated"),
        _plain("created_at", "timestamp"),
        _plain("revoked_at", "timestamp", nullable=True),
    ),
    key=("key_hash",),
)

REVOKED_TOKENS = Table(
    "revoked_tokens",
    "relational",
    "JWT ids that are no longer accepted.",
    (_plain("jti", "utf8"), _plain("expires_at", "timestamp")),
    key=("jti",),
)

TABLES: tuple[Table, ...] = (
    RAW_POSTS,
    REJECTED_POSTS,
    POST_SCORES,
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    AD_CREATIVES,
    BANDIT_POLICY,
    SUBJECTS,
    SUBJECT_KEYS,
    KEY_GENERATION,
    BATCHES,
    BATCH_RANGES,
    STREAM_POSITIONS,
    POST_KEYS,
    LIVE_PROFILES,
    PUBLISHED,
    PUBLISHED_DOCUMENTS,
    API_KEYS,
    REVOKED_TOKENS,
)
LAKE_TABLES: tuple[Table, ...] = tuple(table for table in TABLES if table.store == "lake")
RELATIONAL_TABLES: tuple[Table, ...] = tuple(table for table in TABLES if table.store == "relational")


def table(name: str) -> Table:
    """The table called `name`; KeyError if there is none."""
    return {each.name: each for each in TABLES}[name]
