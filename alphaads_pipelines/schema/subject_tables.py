"""Relational tables of data subjects' rights: consents, links, requests, audit heads, suppressions.

After an erasure only keyed hashes remain, under dedicated keys: the suppression key and the audit key.
"""

from __future__ import annotations

from alphaads_pipelines.schema.columns import Column, Erasure, Privacy, Table, derived, plain, pseudonym

PURPOSES = ("personalised_ads", "linking", "audience_export", "model_training", "analytics")
"""Purposes of personal data use, each with its own consent; grounds are in privacy/purposes.py."""

CONSENT_EVENTS = Table(
    "consent_events",
    "relational",
    "Every grant and withdrawal, in order; the newest of a subject and purpose holds.",
    (
        plain("change_seq", "int64", "sequence number; the newest holds"),
        pseudonym("subject_id"),
        plain("purpose", "utf8", "one of PURPOSES"),
        derived("is_granted", "bool"),
        plain("source", "utf8", "how it was given: api, cli, import"),
        plain("evidence", "utf8", "reference to the record of consent; names nobody"),
        plain("recorded_at", "timestamp"),
    ),
    key=("change_seq",),
    indexes=(("subject_id", "purpose"),),
    autoincrement=True,
)

PEOPLE = Table(
    "people",
    "relational",
    "Subjects of several platforms that are one person, linked with consent.",
    (
        pseudonym("subject_id"),
        pseudonym("person_id", doc="random; the same for all subjects of a person"),
        plain("linked_at", "timestamp"),
    ),
    key=("subject_id",),
    indexes=(("person_id",),),
)

RESTRICTIONS = Table(
    "restrictions",
    "relational",
    "Subjects whose data is kept but not used (GDPR article 18).",
    (
        pseudonym("subject_id"),
        plain("reason", "utf8", "stable code: accuracy, unlawful, claims, objection"),
        plain("restricted_at", "timestamp"),
    ),
    key=("subject_id",),
)

RECTIFICATIONS = Table(
    "rectifications",
    "relational",
    "A person's own values, which override inferences (GDPR article 16).",
    (
        pseudonym("subject_id"),
        plain("field", "utf8", "field of the profile"),
        derived("value", "json"),
        plain("rectified_at", "timestamp"),
    ),
    key=("subject_id", "field"),
)

SUPPRESSIONS = Table(
    "suppressions",
    "relational",
    "Keyed hashes of identities that may not be ingested again, and of subject ids that were erased.",
    (
        pseudonym("mac", "binary", "HMAC-SHA256 under the suppression key; only: erased", erasure=Erasure.KEEP_HASH),
        plain("kind", "utf8", "identity or subject"),
        plain("suppressed_at", "timestamp"),
    ),
    key=("mac",),
)

RIGHTS_REQUESTS = Table(
    "rights_requests",
    "relational",
    "Data subjects' requests, their progress and deadlines.",
    (
        plain("request_id", "utf8"),
        plain("kind", "utf8", "export, erase, rectify, restrict"),
        pseudonym("subject_id", doc="null for an erasure, after its first step", nullable=True),
        Column(
            "sealed_subject",
            "binary",
            Privacy.SEALED,
            Erasure.DELETE_ROW,
            nullable=True,
            doc="of an incomplete erasure: AES-256-GCM under a key derived from the suppression key; else null",
        ),
        plain("state", "utf8", "open, running, done, refused"),
        plain("step", "utf8", "last finished step", nullable=True),
        plain("progress", "json", "figures of the steps; names nobody"),
        plain("correlation_id", "utf8"),
        plain("opened_at", "timestamp"),
        plain("due_at", "timestamp", "one month later (GDPR article 12)"),
        plain("lease_until", "timestamp", "of the working process", nullable=True),
        plain("completed_at", "timestamp", nullable=True),
        plain("receipt", "json", "signed; lists the checks", nullable=True),
    ),
    key=("request_id",),
    indexes=(("state",), ("subject_id",)),
)

PRIVACY_SPENDINGS = Table(
    "privacy_spendings",
    "relational",
    "Privacy budget spent on differentially private answers, per tenant and period.",
    (
        plain("spending_id", "int64"),
        plain("tenant", "utf8"),
        plain("period", "utf8", "month in which the budget holds, YYYY-MM"),
        plain("query_digest", "utf8", "repeated queries are free"),
        plain("epsilon", "float64"),
        plain("answer", "json", "the released answer"),
        plain("spent_at", "timestamp"),
    ),
    key=("spending_id",),
    indexes=(("tenant", "period"), ("query_digest",)),
    autoincrement=True,
)

AUDIT_HEADS = Table(
    "audit_heads",
    "relational",
    "Signed checkpoints of the audit chains: a copy of the file outside the log.",
    (
        plain("checkpoint_id", "int64", "counts from 1, without a gap"),
        plain("kind", "utf8", "opened, head, expired, accepted"),
        plain("writer", "utf8", "the chain"),
        plain("entries", "int64", "number of entries in the chain"),
        plain("head", "utf8", "chain value of the last entry"),
        plain("signed_at", "timestamp"),
        plain("signature", "utf8", "Ed25519 over all of the above and the previous signature"),
    ),
    key=("checkpoint_id",),
    indexes=(("writer",),),
)

AD_ENGAGEMENT = Table(
    "ad_engagement",
    "relational",
    "Hourly ad event counts per subject, independent of order and duplicates.",
    (
        pseudonym("subject_id"),
        derived("hour", "int64", "hours since the epoch, UTC"),
        plain("change_seq", "int64", "fold of the last change"),
        derived("impressions", "int64"),
        derived("clicks", "int64"),
        derived("conversions", "int64"),
    ),
    key=("subject_id", "hour"),
    indexes=(("change_seq",),),
)

OPEN_ADS = Table(
    "open_ads",
    "relational",
    "Ads with pending events: subject and events so far, for a week at most.",
    (
        pseudonym("decision_id"),
        pseudonym("subject_id", doc="null: no decision yet, only events", nullable=True),
        derived("decided_s", "int64", "seconds since the epoch", nullable=True),
        derived("heard", "json", "kind of event -> its first occurrence, in seconds since the epoch"),
        plain("seen_at", "timestamp", "arrival of the first record"),
    ),
    key=("decision_id",),
    indexes=(("subject_id",), ("seen_at",)),
)

RELEASED_GROUPS = Table(
    "released_groups",
    "relational",
    "Sums over groups of at least MIN_GROUP_SIZE people, the only source of exact aggregates.",
    (
        plain("group_id", "int64"),
        plain("release_seq", "int64", "release that created it; groups never change"),
        plain("from_day", "date"),
        plain("until_day", "date", "one past the last"),
        plain("platform", "utf8", "most used; null: not distinguished", nullable=True),
        plain("language", "utf8", "most used; null: not told apart, or none", nullable=True),
        plain("emotion", "utf8", "most frequent; null: not told apart, or none", nullable=True),
        plain("segment", "utf8", "null: not distinguished, or none", nullable=True),
        plain("people", "int64"),
        plain("posts", "int64"),
        plain("sentiment_mean", "float64", "null: too few people with a scored post", nullable=True),
        plain("emotions", "json", "emotion -> posts; absent: too few people"),
        plain("hours", "json", "hour of the day (UTC) -> posts; absent: too few people"),
        plain("weekdays", "json", "day of the week (Monday 0) -> posts; absent: too few people"),
        plain("released_at", "timestamp"),
    ),
    key=("group_id",),
    indexes=(("release_seq",),),
    autoincrement=True,
)

RELEASED_UNTIL = Table(
    "released_until",
    "relational",
    "End of a subject's posts in released groups, so that none is counted twice.",
    (
        pseudonym("subject_id"),
        derived("until_day", "date", "one past the last"),
    ),
    key=("subject_id",),
)

PEOPLE_TABLES: tuple[Table, ...] = (
    CONSENT_EVENTS,
    PEOPLE,
    RESTRICTIONS,
    RECTIFICATIONS,
    SUPPRESSIONS,
    RIGHTS_REQUESTS,
    PRIVACY_SPENDINGS,
    AUDIT_HEADS,
    AD_ENGAGEMENT,
    OPEN_ADS,
    RELEASED_GROUPS,
    RELEASED_UNTIL,
)
