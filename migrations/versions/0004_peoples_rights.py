"""People's rights: consent, links, restrictions, requests with their proof, suppression, engagement, privacy budget"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from alphaads_pipelines.stores.sql.relational import (UtcTimestamp)

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _rebuild_live_profiles(with_rowid=True)
    # Whatever was wrapped so far was wrapped by the one key of a key file of version 1 (secrets_file.FIRST_KEK).
    op.add_column("subject_keys", sa.Column("kek_id", sa.Text(), server_default="first", nullable=False))
    op.create_table(
        "unfinished_restore",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("backup_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("began_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "active_kek",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kek_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("activated_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "consent_events",
        sa.Column(
            "change_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("purpose", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("is_granted", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("evidence", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("change_seq"),
        sqlite_autoincrement=True,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_consent_events_subject_id_purpose", "consent_events", ["subject_id", "purpose"], unique=False)
    op.create_table(
        "people",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("linked_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_people_person_id", "people", ["person_id"], unique=False)
    op.create_table(
        "restrictions",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("restricted_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rectifications",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("field", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("value", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("rectified_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "field"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "suppressions",
        sa.Column("mac", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("suppressed_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("mac"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rights_requests",
        sa.Column("request_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("sealed_subject", sa.LargeBinary(), autoincrement=False, nullable=True),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("step", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("progress", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("correlation_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("opened_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("due_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("lease_until", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("completed_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("receipt", sa.JSON(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("request_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rights_requests_state", "rights_requests", ["state"], unique=False)
    op.create_index("ix_rights_requests_subject_id", "rights_requests", ["subject_id"], unique=False)
    op.create_table(
        "privacy_spendings",
        sa.Column(
            "spending_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("period", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("query_digest", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("epsilon", sa.Double(), autoincrement=False, nullable=False),
        sa.Column("answer", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("spent_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("spending_id"),
        sqlite_autoincrement=True,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_privacy_spendings_tenant_period", "privacy_spendings", ["tenant", "period"], unique=False)
    op.create_index("ix_privacy_spendings_query_digest", "privacy_spendings", ["query_digest"], unique=False)
    op.create_table(
        "audit_heads",
        sa.Column("checkpoint_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("writer", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("entries", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("head", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("signed_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("signature", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("checkpoint_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_audit_heads_writer", "audit_heads", ["writer"], unique=False)
    op.create_table(
        "ad_engagement",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("hour", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("change_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("impressions", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("clicks", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("conversions", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "hour"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_ad_engagement_change_seq", "ad_engagement", ["change_seq"], unique=False)
    op.create_table(
        "open_ads",
        sa.Column("decision_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("decided_s", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("heard", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("seen_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("decision_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_open_ads_subject_id", "open_ads", ["subject_id"], unique=False)
    op.create_index("ix_open_ads_seen_at", "open_ads", ["seen_at"], unique=False)
    op.create_table(
        "released_groups",
        sa.Column("group_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("release_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("from_day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("until_day", sa.Date(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("language", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("emotion", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("segment", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("people", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("posts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sentiment_mean", sa.Double(), autoincrement=False, nullable=True),
        sa.Column("emotions", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("hours", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("weekdays", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("released_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("group_id"),
        sqlite_autoincrement=True,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_released_groups_release_seq", "released_groups", ["release_seq"], unique=False)
    op.create_table(
        "released_until",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("until_day", sa.Date(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )


def _rebuild_live_profiles(*, with_rowid: bool) -> None:
    """SQLite: a state in a clustered table takes a page of its own, beside the one of its key."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.drop_index("ix_live_profiles_shard_publish_seq", "live_profiles")
    op.rename_table("live_profiles", "old_live_profiles")
    op.create_table(
        "live_profiles",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("publish_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=with_rowid,
    )
    op.execute("INSERT INTO live_profiles SELECT subject_id, shard, publish_seq, state FROM old_live_profiles")
    op.drop_table("old_live_profiles")
    op.create_index("ix_live_profiles_shard_publish_seq", "live_profiles", ["shard", "publish_seq"], unique=False)


def downgrade() -> None:
    op.drop_table("released_until")
    op.drop_index("ix_released_groups_release_seq", "released_groups")
    op.drop_table("released_groups")
    op.drop_index("ix_open_ads_seen_at", "open_ads")
    op.drop_index("ix_open_ads_subject_id", "open_ads")
    op.drop_table("open_ads")
    op.drop_index("ix_ad_engagement_change_seq", "ad_engagement")
    op.drop_table("ad_engagement")
    op.drop_index("ix_audit_heads_writer", "audit_heads")
    op.drop_table("audit_heads")
    op.drop_index("ix_privacy_spendings_tenant_period", "privacy_spendings")
    op.drop_index("ix_privacy_spendings_query_digest", "privacy_spendings")
    op.drop_table("privacy_spendings")
    op.drop_index("ix_rights_requests_state", "rights_requests")
    op.drop_index("ix_rights_requests_subject_id", "rights_requests")
    op.drop_table("rights_requests")
    op.drop_table("suppressions")
    op.drop_table("rectifications")
    op.drop_table("restrictions")
    op.drop_index("ix_people_person_id", "people")
    op.drop_table("people")
    op.drop_index("ix_consent_events_subject_id_purpose", "consent_events")
    op.drop_table("consent_events")
    op.drop_table("active_kek")
    op.drop_table("unfinished_restore")
    op.drop_column("subject_keys", "kek_id")
    _rebuild_live_profiles(with_rowid=False)
