"""Relational tables of advertising: organisations, campaigns, creatives, experiments, decisions, policies.

Tenant data names its tenant, and every query filters by it. Money is in millionths of a US dollar.
"""

from __future__ import annotations

from alphaads_pipelines.schema.columns import Erasure, Table, derived, plain, pseudonym

CAMPAIGN_STATES = ("draft", "active", "paused", "ended")
EXPERIMENT_STATES = ("draft", "running", "stopped")

_TENANT = plain("tenant", "utf8", "whose it is")

ORGANISATIONS = Table(
    "organisations",
    "relational",
    "Who advertises: one row per tenant.",
    (_TENANT, plain("name", "utf8"), plain("created_at", "timestamp")),
    key=("tenant",),
)

CAMPAIGNS = Table(
    "campaigns",
    "relational",
    "What is advertised to whom, within which limits.",
    (
        plain("campaign_id", "utf8"),
        _TENANT,
        plain("name", "utf8"),
        plain("state", "utf8", "one of CAMPAIGN_STATES"),
        plain("product", "utf8", "the advertiser's own words, as are the next two"),
        plain("benefit", "utf8"),
        plain("call_to_action", "utf8"),
        plain("placement", "utf8", "whose limits the texts keep; one of campaigns.placements.LIMITS"),
        plain("rules", "json", "banned claims, disclosures and voice (campaigns/brand_rules.py)"),
        plain("emotions", "json", "of the audience; empty: all"),
        plain("segments", "json", "behavioural segments of the audience; empty: all, and people of none"),
        plain("unsafe_moods", "json", "moods in which nobody is shown these ads"),
        plain("cost_microusd", "int64", "of one impression"),
        plain("budget_microusd", "int64", "of the whole campaign; null: none is kept", nullable=True),
        plain("daily_budget_microusd", "int64", "of a UTC day; null: none is kept", nullable=True),
        plain("daily_cap", "int32", "impressions for one person in a UTC day; null: any number", nullable=True),
        plain("segment_floors", "json", "segment -> share of each budget that is kept for it"),
        plain("starts_at", "timestamp", nullable=True),
        plain("ends_at", "timestamp", "one past the last moment", nullable=True),
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
    "Rendered ad texts and where each stands (creatives/review.py); only the approved ones are served.",
    (
        plain("creative_id", "utf8"),
        _TENANT,
        plain("campaign_id", "utf8"),
        plain("emotion", "utf8", "of the audience it was written for"),
        plain("tone", "utf8"),
        plain("headline", "utf8"),
        plain("body", "utf8"),
        plain("call_to_action", "utf8"),
        plain("placement", "utf8"),
        plain("generator", "utf8", "name and version of the generator, prompt version included"),
        plain("state", "utf8", "one of creatives.review.STATES"),
        plain("reasons", "json", "stable codes of moderation, doubts included"),
        plain("reviewer", "utf8", "the caller who decided, if a person did", nullable=True),
        plain("note", "utf8", "why", nullable=True),
        plain("is_current", "bool", "the campaign's newest texts hold it; else it is kept for what it was shown in"),
        plain("created_at", "timestamp"),
        plain("changed_at", "timestamp", "when it came into this state"),
    ),
    key=("creative_id",),
    indexes=(("tenant", "state"), ("campaign_id",)),
)

CREATIVE_REVIEWS = Table(
    "creative_reviews",
    "relational",
    "Every state that a creative came into, in order.",
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
    "Experiments on decisions: which units take part, and what each arm does (experiments/assignment.py).",
    (
        plain("experiment_id", "utf8", "never used twice"),
        _TENANT,
        plain("campaign_id", "utf8", "whose decisions take part; null: all of the tenant", nullable=True),
        plain("name", "utf8"),
        plain("state", "utf8", "one of EXPERIMENT_STATES"),
        plain("layer", "utf8"),
        plain("layer_start", "int32", "first slot of the layer that takes part"),
        plain("layer_stop", "int32", "one past the last"),
        plain("allocation", "json", "runs of slots: arm, first, one past the last"),
        plain("treatments", "json", "arm -> what is done: the policy that decides, or nothing for the control"),
        plain("created_at", "timestamp"),
        plain("started_at", "timestamp", nullable=True),
        plain("allocated_at", "timestamp", "since when units are split as now; null: not started", nullable=True),
        plain("stopped_at", "timestamp", nullable=True),
    ),
    key=("experiment_id",),
    indexes=(("tenant", "state"),),
)

CAMPAIGN_SPENDING = Table(
    "campaign_spending",
    "relational",
    "What a campaign has spent, and what is reserved for ads that may still be shown; its row is held while one is.",
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
    "The same by UTC day and segment; people of no segment, or of one without a floor, count together as ''.",
    (
        plain("campaign_id", "utf8"),
        plain("day", "date"),
        plain("segment", "utf8"),
        _TENANT,
        plain("reserved_microusd", "int64"),
        plain("spent_microusd", "int64"),
        plain("credit_microusd", "float64", "free and not taken at `credited_at` (decisions/budget/pacing.py)"),
        plain("credited_at", "timestamp", nullable=True),
    ),
    key=("campaign_id", "day", "segment"),
    indexes=(("day",),),
)

AD_RESERVATIONS = Table(
    "ad_reservations",
    "relational",
    "Money and frequency held for a decision until its impression is heard of, or its time is over.",
    (
        pseudonym("decision_id"),
        pseudonym("subject_id", doc="null where the decision names nobody", nullable=True),
        _TENANT,
        plain("campaign_id", "utf8"),
        plain("day", "date", "UTC day of the decision"),
        plain("segment", "utf8", "as in campaign_days"),
        plain("amount_microusd", "int64"),
        plain("is_counted", "bool", "whether ad_frequencies counts it"),
        plain("expires_at", "timestamp"),
        plain("released_at", "timestamp", "given back, kept for a day to know a late impression by", nullable=True),
    ),
    key=("decision_id",),
    indexes=(("released_at", "expires_at"), ("subject_id",)),
)

AD_FREQUENCIES = Table(
    "ad_frequencies",
    "relational",
    "How often a person was decided to be shown a campaign's ads on a UTC day; kept for some days.",
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
    "Decisions as they were made, each with what was heard of it: policies learn and are judged from these.",
    (
        pseudonym("decision_id"),
        pseudonym("subject_id", doc="null where nothing was used of a person", nullable=True),
        _TENANT,
        plain("correlation_id", "utf8"),
        plain("placement", "utf8"),
        derived("campaign_id", "utf8"),
        derived("arm_id", "utf8"),
        derived("context", "json", "the facts that the policy was told (bandits/context.py)"),
        plain("eligible", "json", "arms it was drawn from, in their order"),
        plain("policy", "utf8"),
        plain("policy_version", "int64", "of policy_versions"),
        plain("policy_role", "utf8", "serving or canary"),
        plain("propensity", "float64", "0: not known, of a record from before it was told"),
        plain("seed", "int64"),
        derived("mood", "utf8", nullable=True),
        derived("personalisation", "utf8", "a key of decisions.decide.REASONS"),
        derived("experiments", "json", "experiment -> arm"),
        plain("snapshot", "utf8", "the version that was decided from"),
        plain("publish_seq", "int64", "publication at which the person's shard was seen; 0: of nobody"),
        plain("decided_at", "timestamp"),
        derived("impression_at", "timestamp", "the first one; null: not heard of", nullable=True),
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
    "Events whose decision has not come in yet; forgotten when the attribution window is over.",
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
    "States of the policies as they learned; the newest of each, and some before it.",
    (
        plain("version", "int64"),
        plain("policy", "utf8", "name in the registry"),
        plain("taught_at", "timestamp"),
        plain("state", "binary", "bandits.base.Policy.state, compressed JSON: sums over everybody, nobody's own"),
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
