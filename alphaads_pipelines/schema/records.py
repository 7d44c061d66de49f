"""Data stored outside tables: stream records, documents, files, other programs' databases.

A test fails on any part of a filled installation that is not declared here. Nothing here imports a store.
"""

from __future__ import annotations

from alphaads_pipelines.schema.columns import Column, Erasure, Layout, Privacy, derived, plain, pseudonym, sealed

_REMOVED = Erasure.REMOVE_RECORD

POST_RECORD = Layout(
    "posts.raw",
    ("stream",),
    "A sealed post in transit (privacy/envelope.py).",
    (
        plain("schema_version", "int32"),
        plain("platform", "utf8"),
        plain("shard", "int32"),
        pseudonym("subject_id", erasure=_REMOVED),
        pseudonym("key_id", erasure=_REMOVED),
        plain("nonce", "binary"),
        plain("correlation_id", "utf8"),
        plain("observed_at_us", "int64"),
        plain("attributed", "bool"),
        sealed("body", "the payload's JSON, the only place with text, names, handles and ids"),
    ),
)

DECISION_RECORD = Layout(
    "ads.decisions",
    ("stream", "spool"),
    "A decision as returned (decisions/decide.py).",
    (
        pseudonym("decision_id", doc="linked to the subject only by this record", erasure=_REMOVED),
        plain("correlation_id", "utf8"),
        plain("tenant", "utf8"),
        pseudonym("subject_id", nullable=True, erasure=_REMOVED),
        plain("placement", "utf8"),
        derived("campaign_id", "utf8", erasure=_REMOVED),
        derived("arm_id", "utf8", erasure=_REMOVED),
        derived("creative", "json", erasure=_REMOVED),
        derived("context", "json", "the policy's input", erasure=_REMOVED),
        plain("eligible", "json"),
        plain("policy", "utf8"),
        plain("policy_version", "int64"),
        plain("policy_role", "utf8", "serving or canary"),
        plain("propensity", "float64"),
        plain("seed", "int64"),
        derived("experiments", "json", "experiment -> variant", erasure=_REMOVED),
        derived("shadow", "json", "policy -> its version, arm and propensity", erasure=_REMOVED),
        derived("mood", "utf8", nullable=True, erasure=_REMOVED),
        derived("personalised", "bool", erasure=_REMOVED),
        derived("personalisation", "utf8", "basis of personalisation, or refusal", erasure=_REMOVED),
        derived("reason", "utf8", erasure=_REMOVED),
        plain("version", "utf8"),
        plain("publish_seq", "int64", "publication of the profile that was used; 0: none"),
        plain("cost_microusd", "int64", "cost per impression"),
        plain("data_age_s", "float64"),
        plain("decided_at", "timestamp"),
    ),
)

EVENT_RECORD = Layout(
    "ads.events",
    ("stream",),
    "An ad event (api/routes/v1/events.py).",
    (
        plain("event_id", "utf8", "chosen by the reporter"),
        pseudonym("decision_id", erasure=_REMOVED),
        derived("kind", "utf8", erasure=_REMOVED),
        derived("occurred_at", "timestamp", erasure=_REMOVED),
        plain("tenant", "utf8"),
        plain("correlation_id", "utf8"),
    ),
)

PROFILE_STATE = Layout(
    "profile state",
    ("state",),
    "Content of the column `state` (profiles/state.py), deleted with its row.",
    (
        plain("format", "int32"),
        derived("hours", "json"),
        derived("languages", "json"),
        derived("platforms", "json"),
        derived("topics", "json"),
    ),
)

DOCUMENTS = (
    Layout(
        "advertising",
        ("document",),
        "Time of the last edit of campaigns, creatives and experiments.",
        (plain("edited_at", "timestamp"),),
    ),
    Layout(
        "policy",
        ("document",),
        "Serving, canary and shadow policies (bandits/policy_roles.py).",
        (
            plain("serving", "json"),
            plain("canary", "json"),
            plain("shadow", "json"),
            plain("previous", "json"),
            plain("history", "json", "recent changes with actor, time and supporting figures"),
        ),
    ),
    Layout("policy_learner", ("document",), "Stream offsets of policy training.", (plain("offsets", "json"),)),
    Layout(
        "policy_history",
        ("document",),
        "Last write of the posterior history.",
        (plain("written_at", "timestamp"),),
    ),
    Layout("released_groups", ("document",), "End of the released days.", (plain("until_day", "utf8"),)),
    Layout("ad_engagement", ("document",), "Stream offsets of engagement counting.", (plain("offsets", "json"),)),
    Layout("ad_spending", ("document",), "Stream offsets of billing.", (plain("offsets", "json"),)),
    Layout(
        "behavioural_segments",
        ("document",),
        "Segment centroids, without people (profiles/segments.py).",
        (
            plain("format", "int32"),
            plain("features", "json"),
            plain("mean", "json"),
            plain("scale", "json"),
            plain("segments", "json"),
            plain("next_number", "int64"),
        ),
    ),
    Layout(
        "drift",
        ("document",),
        "Latest result of the label drift check, over all posts.",
        (plain("ratios", "json"), plain("judged_at", "timestamp")),
    ),
)
"""`published_documents`, by name."""

AUDIT_LOG = Layout(
    "audit",
    ("file",),
    "Entries of the audit log (audit/entries.py): who accessed whose data, without content.",
    (
        plain("writer", "utf8"),
        plain("number", "int64"),
        plain("at", "timestamp"),
        plain("actor", "utf8", "the token's subject, the API key's name, the system user or the run"),
        plain("action", "utf8"),
        plain("purpose", "utf8"),
        plain("resource", "utf8", "route, command or table; names nobody"),
        plain("correlation_id", "utf8"),
        pseudonym("people", "json", "keyed hashes of subject ids, or their Merkle root", erasure=Erasure.KEEP_HASH),
        plain("previous", "utf8"),
        plain("mac", "utf8"),
    ),
)


def _tables_of(*names: str) -> tuple[Column, ...]:
    """Tables of another program's database; our data in them is not personal."""
    return tuple(plain(name, "binary") for name in names)


_DAGSTER = (
    *("asset_check_executions", "asset_daemon_asset_evaluations", "asset_event_tags", "asset_keys"),
    *("backfill_tags", "bulk_actions", "concurrency_limits", "concurrency_slots"),
    *("daemon_heartbeats", "dynamic_partitions", "event_logs", "instance_info"),
    *("instigators", "job_ticks", "jobs", "kvs"),
    *("pending_steps", "run_tags", "runs", "secondary_indexes"),
    *("snapshots",),
)
_CELERY = ("celery_taskmeta", "celery_tasksetmeta")
_NOTHING_PERSONAL = "Run ids, batch ids, counts, figures; messages of errors that may quote a post are withheld."
FILES = (
    AUDIT_LOG,
    Layout("relational.db", ("file",), "The relational tables.", (plain("pages", "binary", "see tables.py"),)),
    Layout("stream", ("file",), "One database per topic.", (plain("pages", "binary", "see the records above"),)),
    Layout("spool", ("file",), "Decisions not yet in the stream.", (plain("records", "binary"),)),
    Layout("lake", ("file",), "The Delta tables.", (plain("files", "binary", "see tables.py"),)),
    Layout("logs", ("file",), "Logs of processes; private keys are rejected.", (plain("lines", "utf8"),)),
    Layout("metrics", ("file",), "Counters by stage, platform and policy.", (plain("samples", "binary"),)),
    Layout("models", ("file",), "Models trained on public data, with their cards.", (plain("files", "binary"),)),
    Layout("training", ("file",), "Unfinished trainings.", (plain("files", "binary"),)),
    Layout("dagster", ("file", "foreign"), _NOTHING_PERSONAL, _tables_of(*_DAGSTER)),
    Layout("broker.db", ("file", "foreign"), "Requests of runs: run ids.", _tables_of("kombu_message", "kombu_queue")),
    Layout("broker-results.db", ("file", "foreign"), "Results of runs: run ids.", _tables_of(*_CELERY)),
)
"""Direct children of ALPHAADS_HOME, by name; for other programs' databases their tables."""

BESIDE = (
    Layout("key", ("file",), "The key file.", (plain("keys", "json", "keys of the installation, not of a person"),)),
    Layout(
        "key.erasures",
        ("file",),
        "Hashes of erased people (rights/erasure/journal.py).",
        (
            pseudonym("mac", doc="as in suppressions", erasure=Erasure.KEEP_HASH),
            plain("kind", "utf8"),
            plain("erased_at", "timestamp"),
        ),
    ),
    Layout("checkpoints", ("file",), "Signed heads of the audit log's chains.", (plain("heads", "json"),)),
    Layout(
        "key-backups",
        ("file",),
        "Wrapped data keys, for some days.",
        (Column("keys", "binary", Privacy.SEALED, Erasure.DELETE_ROW),),
    ),
)
"""Files beside ALPHAADS_HOME, by suffix."""

RECORDS = (POST_RECORD, DECISION_RECORD, EVENT_RECORD)
LAYOUTS: tuple[Layout, ...] = (*RECORDS, PROFILE_STATE, *DOCUMENTS, *FILES, *BESIDE)


def document_layout(name: str) -> Layout:
    """Look up a published document's layout. Raises KeyError."""
    return {each.name: each for each in DOCUMENTS}[name]
