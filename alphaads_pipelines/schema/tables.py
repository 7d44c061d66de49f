"""Registry of all tables: columns, keys, partitioning, privacy labels and erasure paths.

Relational tables are in operational_tables.py, subject_tables.py and advertising_tables.py. Delta and relational
schemas, blocking schema checks and documentation are generated from the declarations; nothing here imports a store.
"""

from __future__ import annotations

from alphaads_pipelines.schema.advertising_tables import CAMPAIGN_TABLES
from alphaads_pipelines.schema.columns import Column, Table, derived, plain, pseudonym, sealed
from alphaads_pipelines.schema.operational_tables import GAZETTEER_VERSION as GAZETTEER_VERSION
from alphaads_pipelines.schema.operational_tables import LIVE_PROFILES as LIVE_PROFILES
from alphaads_pipelines.schema.operational_tables import OPERATIONAL_TABLES
from alphaads_pipelines.schema.operational_tables import PUBLISHED as PUBLISHED
from alphaads_pipelines.schema.operational_tables import TRACKED_NAMES as TRACKED_NAMES
from alphaads_pipelines.schema.subject_tables import PEOPLE_TABLES
from alphaads_pipelines.schema.subject_tables import PURPOSES as PURPOSES

_PLACE = (
    plain("shard", "int32", "stable hash of the subject over the fixed number of shards"),
    plain("stream_partition", "int32", "partition of the stream record"),
    plain("stream_offset", "int64", "offset of the stream record in its partition"),
    plain("batch_seq", "int64", "sequence number of the micro-batch that planned the record"),
)
_ENVELOPE = (
    plain("platform", "utf8", "social network"),
    pseudonym("subject_id", doc="random id of the author, or of the daily key if unattributed"),
    pseudonym("key_id", doc="random id of the subject's key that sealed the body"),
    Column("nonce", "binary", doc="AES-GCM nonce, 12 bytes"),
    sealed("sealed_body", "AES-256-GCM ciphertext of the payload"),
    plain("schema_version", "int32", "envelope version"),
    plain("correlation_id", "utf8", "follows a post from intake to API answer"),
    plain("observed_at", "timestamp", "when intake saw the post"),
)

RAW_POSTS = Table(
    "raw_posts",
    "lake",
    "First accepted version of every post, still sealed, and its later edits.",
    (
        plain("event_date", "date", "UTC date of created_at"),
        *_PLACE,
        *_ENVELOPE,
        pseudonym("post_key", "binary", "keyed hash of platform, post id and version, 16 bytes"),
        plain("version", "int32", "0 for the post, 1.. for its edits"),
        plain("kind", "utf8", "original, reply, repost or quote"),
        derived("created_at", "timestamp", "when the person posted"),
    ),
    key=("post_key",),
    partition_by=("event_date", "shard"),
)

REJECTED_POSTS = Table(
    "rejected_posts",
    "lake",
    "Rejected stream records, still sealed, with the reason; replayed after a fix.",
    (
        plain("event_date", "date", "UTC date of observed_at"),
        *_PLACE,
        *_ENVELOPE,
        plain("attributed", "bool", "whether the payload names its author"),
        plain("reason", "utf8", "stable code"),
        plain("detail", "utf8", "the expectation, without payload values"),
    ),
    key=("stream_partition", "stream_offset"),
    partition_by=("event_date", "shard"),
)

EMOTIONS = ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")
SENTIMENTS = ("negative", "neutral", "positive")
TWEET_EMOTIONS = ("anger", "joy", "optimism", "sadness")
INTENTS = ("purchase", "complaint", "praise", "question", "other")
OFFENSIVE = ("not_offensive", "offensive")
ENTITY_TYPES = ("PER", "LOC", "ORG", "PRODUCT", "WORK", "GROUP")
ENTITY_SOURCES = ("model", "gazetteer")
PERSON = "person"
KINDS = ("brand", "product", "campaign", "competitor", PERSON)
"""Of tracked names. A person's id may be their name, so posts refer to them by the token of their name."""

_POST = (
    plain("event_date", "date", "UTC date of created_at"),
    *_PLACE,
    plain("platform", "utf8", "social network"),
    pseudonym("subject_id"),
    pseudonym("post_key", "binary"),
    plain("version", "int32"),
    derived("created_at", "timestamp"),
)
_MODEL = (
    plain("tier", "utf8", "scorer tier"),
    plain("model_name", "utf8"),
    plain("model_version", "utf8"),
)

POST_SCORES = Table(
    "post_scores",
    "lake",
    "Scores of each accepted post; null where the scorer is not reliable.",
    (
        *_POST,
        derived("language", "utf8", "ISO 639-1", nullable=True),
        derived("language_confidence", "float64", "0 to 1", nullable=True),
        derived("sentiment", "utf8", "one of SENTIMENTS", nullable=True),
        *(derived(f"sentiment_{label}", "float64", "probability", nullable=True) for label in SENTIMENTS),
        derived("emotion", "utf8", "one of EMOTIONS", nullable=True),
        *(derived(f"emotion_{label}", "float64", "probability", nullable=True) for label in EMOTIONS),
        derived("confidence", "float64", "probability of the sentiment label", nullable=True),
        derived("tweet_emotion", "utf8", "one of TWEET_EMOTIONS", nullable=True),
        *(derived(f"tweet_emotion_{label}", "float64", "probability", nullable=True) for label in TWEET_EMOTIONS),
        derived("intent", "utf8", "one of INTENTS", nullable=True),
        *(derived(f"intent_{label}", "float64", "probability", nullable=True) for label in INTENTS),
        derived("offensive", "utf8", "one of OFFENSIVE", nullable=True),
        derived("offensive_probability", "float64", "that it is offensive", nullable=True),
        plain("null_reason", "utf8", "why fields are null: field=reason, comma separated", nullable=True),
        *_MODEL,
    ),
    key=("post_key",),
    partition_by=("event_date", "shard"),
)

POST_ENTITIES = Table(
    "post_entities",
    "lake",
    "Entities in each accepted post, from scorer and gazetteer; names only as tokens.",
    (
        *_POST,
        plain("entity_number", "int32", "counts a post's entities from 0, in the order of the text"),
        derived("type", "utf8", "one of ENTITY_TYPES"),
        derived("start_char", "int32", "first character in the post's text"),
        derived("end_char", "int32", "one past the last"),
        derived("confidence", "float64", "of the model, where it gives one", nullable=True),
        plain("source", "utf8", "one of ENTITY_SOURCES"),
        derived("tracked_id", "utf8", "of tracked_names; for a person the token of their name there", nullable=True),
        derived("campaign_ids", "json", "of the tracked name, when it was linked", nullable=True),
        pseudonym("name_token", "utf8", "keyed token of the normalised name"),
        *_MODEL,
        plain("gazetteer_version", "int64", "version used for linking"),
    ),
    key=("post_key", "entity_number"),
    partition_by=("event_date", "shard"),
)

CUSTOMER_PROFILES = Table(
    "customer_profiles",
    "lake",
    "Profile versions, one per batch that changed the person's profile; the newest batch_seq is current.",
    (
        plain("shard", "int32"),
        plain("batch_seq", "int64", "batch that created this version"),
        pseudonym("subject_id"),
        derived("posts", "int64", "posts folded so far"),
        derived("mood", "utf8", "time-decayed leading emotion as of the last post", nullable=True),
        derived("sentiment_mean", "float64", "-1 to 1 over all scored posts", nullable=True),
        derived("language", "utf8", "most used, ISO 639-1", nullable=True),
        derived("first_post_at", "timestamp", "start of the hour"),
        derived("last_post_at", "timestamp", "start of the hour"),
        derived("state", "binary", "integer hourly buckets, MessagePack (profiles/state.py)"),
    ),
    key=("subject_id", "batch_seq"),
    partition_by=("shard",),
)

EMOTIONAL_JOURNEYS = Table(
    "emotional_journeys",
    "lake",
    "Per person and hour: cumulative counts as of a batch; the newest batch_seq of an hour is current.",
    (
        plain("shard", "int32"),
        plain("batch_seq", "int64"),
        pseudonym("subject_id"),
        derived("hour_at", "timestamp", "start of the hour"),
        derived("posts", "int64"),
        derived("sentiment_sum_milli", "int64", "sum of (positive - negative) probability, in thousandths"),
        *(derived(f"{label}_posts", "int64", f"posts whose emotion is {label}") for label in EMOTIONS),
    ),
    key=("subject_id", "hour_at", "batch_seq"),
    partition_by=("shard",),
)

AD_CREATIVES = Table(
    "ad_creatives",
    "lake",
    "Rendered ad texts, each a bandit arm.",
    (
        plain("creative_id", "utf8"),
        plain("campaign_id", "utf8"),
        plain("emotion", "utf8", "target emotion"),
        plain("tone", "utf8"),
        plain("headline", "utf8"),
        plain("body", "utf8"),
        plain("call_to_action", "utf8"),
        plain("generator", "utf8", "name and version of the generator"),
        plain("moderation", "utf8", "one of creatives.review.STATES; only approved ones are served"),
        plain("created_at", "timestamp"),
        plain("tenant", "utf8", "tenant of the campaign", nullable=True),
        plain("placement", "utf8", "determines text limits", nullable=True),
    ),
    key=("creative_id",),
)

BANDIT_POLICY = Table(
    "bandit_policy",
    "lake",
    "Posteriors of the policies' arms, at most hourly.",
    (
        plain("policy", "utf8"),
        plain("version", "int64", "of policy_versions"),
        plain("arm_id", "utf8"),
        plain("alpha", "float64", "Beta posterior"),
        plain("beta", "float64", "Beta posterior"),
        plain("pulls", "int64", "decayed and rounded"),
        plain("rewards", "int64", "rounded"),
        plain("updated_at", "timestamp"),
    ),
    key=("policy", "version", "arm_id"),
)


LAKE_TABLES: tuple[Table, ...] = (
    RAW_POSTS,
    REJECTED_POSTS,
    POST_SCORES,
    POST_ENTITIES,
    CUSTOMER_PROFILES,
    EMOTIONAL_JOURNEYS,
    AD_CREATIVES,
    BANDIT_POLICY,
)
ON_ANY_SHARD = frozenset({REJECTED_POSTS.name})
"""Lake tables whose rows about a subject may be on any shard: that of the partition through which they came in."""
RELATIONAL_TABLES: tuple[Table, ...] = (*OPERATIONAL_TABLES, *PEOPLE_TABLES, *CAMPAIGN_TABLES)
TABLES: tuple[Table, ...] = (*LAKE_TABLES, *RELATIONAL_TABLES)


def table(name: str) -> Table:
    """Look up a table. Raises KeyError."""
    return {each.name: each for each in TABLES}[name]
