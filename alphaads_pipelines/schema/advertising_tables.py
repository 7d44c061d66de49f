"""Relational tables of advertising: organisations, campaigns, creatives, experiments, decisions, policies.

Tenant data names its tenant, and every query filters by it. Money is in millionths of a US dollar.
"""

from __future__ import annotations

from alphaads_pipelines.schema.columns import Erasure, Table, derived, plain, pseudonym

CAMPAIGN_STATES = ("draft", "active", "paused", "ended")
EXPERIMENT_STATES = ("draft", "running", "stopped")

_TENANT = plain("tenant", "utf8", "the tenant")

ORGANISATIONS = Table(
    "organisations",
    "relational",
    "Advertisers: one row per tenant.",
    (_TENANT, plain("name", "utf8"), plain("created_at", "timestamp")),
    key=("tenant",),
)

CAMPAIGNS = Table(
    "campaigns",
    "relational",
    "Campaigns: product, audience and limits.",
    (
        plain("campaign_id", "utf8"),
        _TENANT,
        plain("name", "utf8"),
        plain("state", "utf8", "one of CAMPAIGN_STATES"),
        plain("product", "utf8", "in the advertiser's words, like the next two"),
        plain("benefit", "utf8"),
        plain("call_to_action", "utf8"),
        plain("placement", "utf8", "determines text limits; one of campaigns.placements.LIMITS"),
        plain("rules", "json", "banned claims, disclosures and voice (campaigns/brand_rules.py)"),
        plain("emotions", "json", "target emotions; empty: all"),
        plain("segments", "json", "target behavioural segments; empty: all, and people without one"),
        plain("unsafe_moods", "json", "moods that exclude people from these ads"),
        plain("cost_microusd", "int64", "per impression"),
        plain("budget_microusd", "int64", "total; null: unlimited", nullable=True),
        plain("daily_budget_microusd", "int64", "per UTC day; null: unlimited", nullable=True),
        plain("daily_cap", "int32", "impressions per person and UTC day; null: unlimited", nullable=True),
        plain("segment_floors", "json", "segment -> share of each budget reserved for it"),
        plain("starts_at", "timestamp", nullable=True),
        plain("ends_at", "timestamp", "exclusive", nullable=True),
        plain("version", "int64", "counts edits"),
        plain("created_at", "timestamp"),
        plain("updated_at", "timestamp"),
    ),
    key=("campaign_id",),
    indexes=(("tenant", "state"),),
)

CREATIVES = Table(
    "creatives",
    "relational",
    "Rendered ad texts and their review states (creatives/review.py); only approved ones are served.",
    (
        plain("creative_id", "utf8"),
        _TENANT,
        plain("campaign_id", "utf8"),
        plain("emotion", "utf8", "target emotion"),
        plain("tone", "utf8"),
        plain("headline", "utf8"),
        plain("body", "utf8"),
        plain("call_to_action", "utf8"),
        plain("placement", "utf8"),
        plain("generator", "utf8", "name and version of the generator, prompt version included"),
        plain("state", "utf8", "one of creatives.review.STATES"),
        plain("reasons", "json", "stable moderation codes, including warnings"),
        plain("reviewer", "utf8", "caller of a manual decision", nullable=True),
        plain("note", "utf8", "why", nullable=True),
        plain("is_current", "bool", "one of the campaign's newest texts; others are kept as records of past ads"),
        plain("created_at", "timestamp"),
        plain("changed_at", "timestamp", "when the state last changed"),
    ),
    key=("creative_id",),
    indexes=(("tenant", "state"), ("campaign_id",)),
)

CREATIVE_REVIEWS = Table(
    "creative_reviews",
    "relational",
    "History of creatives' review states.",
    (
        plain("change_seq", "int64"),
        _TENANT,
        plain("creative_id", "utf8"),
        plain("state", "utf8"),
        plain("reasons", "json"),
        plain("reviewer", "utf8", nullable=True),
        plain("note", "utf8", nullable=True),
        plain("changed_at", "timestamp"),
    ),
    key=("change_seq",),
    indexes=(("creative_id",),),
    autoincrement=True,
)

EXPERIMENTS = Table(
    "experiments",
    "relational",
    "Experiments on decisions: their units and variants (experiments/assignment.py).",
    (
        plain("experiment_id", "utf8", "never reused"),
        _TENANT,
        plain("campaign_id", "utf8", "decisions that take part; null: all of the tenant", nullable=True),
        plain("name", "utf8"),
        plain("state", "utf8", "one of EXPERIMENT_STATES"),
        plain("layer", "utf8"),
        plain("layer_start", "int32", "first slot of the layer"),
        plain("layer_stop", "int32", "one past the last"),
        plain("allocation", "json", "runs of slots: variant, start, end (exclusive)"),
        plain("treatments", "json", "variant -> treatment: the deciding policy, or none for the control"),
        plain("created_at", "timestamp"),
        plain("started_at", "timestamp", nullable=True),
        plain("allocated_at", "timestamp", "start of the current split; null: not started", nullable=True),
        plain("stopped_at", "timestamp", nullable=True),
    ),
    key=("experiment_id",),
    indexes=(("tenant", "state"),),
)

CAMPAIGN_SPENDING = Table(
    "campaign_spending",
    "relational",
    "Spent and reserved budget per campaign; reservations lock the row.",
    (
        plain("campaign_id", "utf8"),
        _TENANT,
        plain("reserved_microusd", "int64"),
        plain("spent_microusd", "int64"),
    ),
    key=("campaign_id",),
)

CAMPAIGN_DAYS = Table(
    "campaign_days",
    "relational",
    "Spent and reserved budget by UTC day and segment; people without a segment, or in one without a floor, share ''.",
    (
        plain("campaign_id", "utf8"),
        plain("day", "date"),
        plain("segment", "utf8"),
        _TENANT,
        plain("reserved_microusd", "int64"),
        plain("spent_microusd", "int64"),
        plain("credit_microusd", "float64", "available budget at `credited_at` (decisions/budget/pacing.py)"),
        plain("credited_at", "timestamp", nullable=True),
    ),
    key=("campaign_id", "day", "segment"),
    indexes=(("day",),),
)

AD_RESERVATIONS = Table(
    "ad_reservations",
    "relational",
    "Budget and frequency reserved for a decision until its impression or expiry.",
    (
        pseudonym("decision_id"),
        pseudonym("subject_id", doc="null if the decision names no subject", nullable=True),
        _TENANT,
        plain("campaign_id", "utf8"),
        plain("day", "date", "UTC day of the decision"),
        plain("segment", "utf8", "as in campaign_days"),
        plain("amount_microusd", "int64"),
        plain("is_counted", "bool", "whether ad_frequencies counts it"),
        plain("expires_at", "timestamp"),
        plain(
            "released_at", "timestamp", "when released; kept for a day to recognise a late impression", nullable=True
        ),
    ),
    key=("decision_id",),
    indexes=(("released_at", "expires_at"), ("subject_id",)),
)

AD_FREQUENCIES = Table(
    "ad_frequencies",
    "relational",
    "Decided impressions per person, campaign and UTC day; kept for some days.",
    (
        pseudonym("subject_id"),
        plain("campaign_id", "utf8"),
        derived("day", "date"),
        _TENANT,
        derived("shown", "int64"),
    ),
    key=("subject_id", "campaign_id", "day"),
    indexes=(("day",),),
)

AD_DECISIONS = Table(
    "ad_decisions",
    "relational",
    "Decisions with their outcomes, for policy training and evaluation.",
    (
        pseudonym("decision_id"),
        pseudonym("subject_id", doc="null if no personal data was used", nullable=True),
        _TENANT,
        plain("correlation_id", "utf8"),
        plain("placement", "utf8"),
        derived("campaign_id", "utf8"),
        derived("arm_id", "utf8"),
        derived("context", "json", "the policy's input (bandits/context.py)"),
        plain("eligible", "json", "candidate arms, in order"),
        plain("policy", "utf8"),
        plain("policy_version", "int64", "of policy_versions"),
        plain("policy_role", "utf8", "serving or canary"),
        plain("propensity", "float64", "0: unknown, in old records"),
        plain("seed", "int64"),
        derived("mood", "utf8", nullable=True),
        derived("personalisation", "utf8", "a key of decisions.decide.REASONS"),
        derived("experiments", "json", "experiment -> variant"),
        plain("snapshot", "utf8", "snapshot version used"),
        plain("publish_seq", "int64", "publication of the person's shard that was used; 0: none"),
        plain("decided_at", "timestamp"),
        derived("impression_at", "timestamp", "the first; null: none reported", nullable=True),
        derived("click_at", "timestamp", nullable=True),
        derived("conversion_at", "timestamp", nullable=True),
    ),
    key=("decision_id",),
    indexes=(("subject_id", "decided_at"), ("decided_at",)),
    has_long_rows=True,
)

EARLY_EVENTS = Table(
    "early_events",
    "relational",
    "Events that arrived before their decision; dropped after the attribution window.",
    (
        pseudonym("decision_id", erasure=Erasure.EXPIRE),
        derived("kind", "utf8", erasure=Erasure.EXPIRE),
        derived("occurred_at", "timestamp", erasure=Erasure.EXPIRE),
        plain("seen_at", "timestamp"),
    ),
    key=("decision_id", "kind"),
    indexes=(("seen_at",),),
)

POLICY_VERSIONS = Table(
    "policy_versions",
    "relational",
    "Learned policy states: the newest of each and some earlier ones.",
    (
        plain("version", "int64"),
        plain("policy", "utf8", "name in the registry"),
        plain("taught_at", "timestamp"),
        plain("state", "binary", "bandits.base.Policy.state, compressed JSON: sums over all people"),
    ),
    key=("version",),
    indexes=(("policy", "version"),),
    autoincrement=True,
)

CAMPAIGN_TABLES: tuple[Table, ...] = (
    ORGANISATIONS,
    CAMPAIGNS,
    CREATIVES,
    CREATIVE_REVIEWS,
    EXPERIMENTS,
    CAMPAIGN_SPENDING,
    CAMPAIGN_DAYS,
    AD_RESERVATIONS,
    AD_FREQUENCIES,
    AD_DECISIONS,
    EARLY_EVENTS,
    POLICY_VERSIONS,
)
