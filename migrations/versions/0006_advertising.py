"""Advertising: organisations, campaigns, creatives and reviews, experiments, money, decisions, policy versions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from alphaads_pipelines.stores.sql.relational import (UtcTimestamp)

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organisations",
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "campaigns",
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("product", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("benefit", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("call_to_action", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("placement", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("rules", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("emotions", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("segments", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("unsafe_moods", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("cost_microusd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("budget_microusd", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("daily_budget_microusd", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("daily_cap", sa.Integer(), autoincrement=False, nullable=True),
        sa.Column("segment_floors", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("starts_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("ends_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("updated_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_campaigns_tenant_state", "campaigns", ["tenant", "state"], unique=False)
    op.create_table(
        "creatives",
        sa.Column("creative_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("emotion", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tone", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("headline", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("call_to_action", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("placement", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("generator", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reasons", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("reviewer", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("note", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("is_current", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("created_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("changed_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("creative_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_creatives_tenant_state", "creatives", ["tenant", "state"], unique=False)
    op.create_index("ix_creatives_campaign_id", "creatives", ["campaign_id"], unique=False)
    op.create_table(
        "creative_reviews",
        sa.Column(
            "change_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("creative_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reasons", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("reviewer", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("note", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("changed_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("change_seq"),
        sqlite_autoincrement=True,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_creative_reviews_creative_id", "creative_reviews", ["creative_id"], unique=False)
    op.create_table(
        "experiments",
        sa.Column("experiment_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("layer", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("layer_start", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("layer_stop", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("allocation", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("treatments", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("created_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("started_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("allocated_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("stopped_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("experiment_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_experiments_tenant_state", "experiments", ["tenant", "state"], unique=False)
    op.create_table(
        "campaign_spending",
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reserved_microusd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("spent_microusd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "campaign_days",
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reserved_microusd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("spent_microusd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("credit_microusd", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("credited_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("campaign_id", "day", "segment"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_campaign_days_day", "campaign_days", ["day"], unique=False)
    op.create_table(
        "ad_reservations",
        sa.Column("decision_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("segment", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("amount_microusd", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("is_counted", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("expires_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("released_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("decision_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_ad_reservations_released_at_expires_at", "ad_reservations", ["released_at", "expires_at"], unique=False
    )
    op.create_index("ix_ad_reservations_subject_id", "ad_reservations", ["subject_id"], unique=False)
    op.create_table(
        "ad_frequencies",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("shown", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "campaign_id", "day"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_ad_frequencies_day", "ad_frequencies", ["day"], unique=False)
    op.create_table(
        "ad_decisions",
        sa.Column("decision_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("correlation_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("placement", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("arm_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("context", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("eligible", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("policy", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("policy_version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("policy_role", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("propensity", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("seed", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mood", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("personalisation", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("experiments", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("snapshot", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("publish_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("decided_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("impression_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("click_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("conversion_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("decision_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_ad_decisions_subject_id_decided_at", "ad_decisions", ["subject_id", "decided_at"], unique=False)
    op.create_index("ix_ad_decisions_decided_at", "ad_decisions", ["decided_at"], unique=False)
    op.create_table(
        "early_events",
        sa.Column("decision_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("occurred_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("seen_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", "kind"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_early_events_seen_at", "early_events", ["seen_at"], unique=False)
    op.create_table(
        "policy_versions",
        sa.Column(
            "version", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("policy", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("taught_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("state", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("version"),
        sqlite_autoincrement=True,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_policy_versions_policy_version", "policy_versions", ["policy", "version"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_policy_versions_policy_version", "policy_versions")
    op.drop_table("policy_versions")
    op.drop_index("ix_early_events_seen_at", "early_events")
    op.drop_table("early_events")
    op.drop_index("ix_ad_decisions_decided_at", "ad_decisions")
    op.drop_index("ix_ad_decisions_subject_id_decided_at", "ad_decisions")
    op.drop_table("ad_decisions")
    op.drop_index("ix_ad_frequencies_day", "ad_frequencies")
    op.drop_table("ad_frequencies")
    op.drop_index("ix_ad_reservations_subject_id", "ad_reservations")
    op.drop_index("ix_ad_reservations_released_at_expires_at", "ad_reservations")
    op.drop_table("ad_reservations")
    op.drop_index("ix_campaign_days_day", "campaign_days")
    op.drop_table("campaign_days")
    op.drop_table("campaign_spending")
    op.drop_index("ix_experiments_tenant_state", "experiments")
    op.drop_table("experiments")
    op.drop_index("ix_creative_reviews_creative_id", "creative_reviews")
    op.drop_table("creative_reviews")
    op.drop_index("ix_creatives_campaign_id", "creatives")
    op.drop_index("ix_creatives_tenant_state", "creatives")
    op.drop_table("creatives")
    op.drop_index("ix_campaigns_tenant_state", "campaigns")
    op.drop_table("campaigns")
    op.drop_table("organisations")
