"""The spine"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from alphaads_pipelines.stores.sql.relational import (UtcTimestamp)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_hash", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("scopes", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("created_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("revoked_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("key_hash"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batch_ranges",
        sa.Column("batch_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reached_end", sa.Boolean(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("batch_seq", "topic", "partition"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    with op.batch_alter_table("batch_ranges", schema=None) as batch_op:
        batch_op.create_index(
            "ix_batch_ranges_topic_partition_start_offset", ["topic", "partition", "start_offset"], unique=False
        )

    op.create_table(
        "batches",
        sa.Column(
            "batch_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("failures", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("planned_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.Column("planned_hour", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("requested_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("retry_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("held_until", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("lease_until", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("worker", sa.Text(), autoincrement=False, nullable=True),
        sa.Column("committed_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.Column("read_posts", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("accepted_posts", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("rejected_posts", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("duplicate_posts", sa.BigInteger(), autoincrement=False, nullable=True),
        sa.Column("error", sa.Text(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("batch_seq"),
        sqlite_autoincrement=True,
        sqlite_with_rowid=True,
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index("ix_batches_planned_hour", ["planned_hour"], unique=False)
        batch_op.create_index("ix_batches_state", ["state"], unique=False)

    op.create_table(
        "key_generation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("generation", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "live_profiles",
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("publish_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("live_profiles", schema=None) as batch_op:
        batch_op.create_index("ix_live_profiles_shard_publish_seq", ["shard", "publish_seq"], unique=False)

    op.create_table(
        "post_keys",
        sa.Column("post_key", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("stream_partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("stream_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("post_key"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "published",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("publish_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("versions", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("published_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("shard"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "published_documents",
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("document", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("published_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("expires_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("jti"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stream_positions",
        sa.Column("consumer", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("topic", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("partition", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("next_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_offset", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("last_kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("lost_offsets", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("complete_until", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("consumer", "topic", "partition"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )
    op.create_table(
        "subject_keys",
        sa.Column("key_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("expires_at", UtcTimestamp(), autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("subject_keys", schema=None) as batch_op:
        batch_op.create_index("ix_subject_keys_expires_at", ["expires_at"], unique=False)
        batch_op.create_index("ix_subject_keys_subject_id", ["subject_id"], unique=False)

    op.create_table(
        "subjects",
        sa.Column("identity_mac", sa.LargeBinary(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("platform", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("identity_mac"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("subjects", schema=None) as batch_op:
        batch_op.create_index("ix_subjects_subject_id", ["subject_id"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("subjects", schema=None) as batch_op:
        batch_op.drop_index("ix_subjects_subject_id")

    op.drop_table("subjects")
    with op.batch_alter_table("subject_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_subject_keys_subject_id")
        batch_op.drop_index("ix_subject_keys_expires_at")

    op.drop_table("subject_keys")
    op.drop_table("stream_positions")
    op.drop_table("revoked_tokens")
    op.drop_table("published_documents")
    op.drop_table("published")
    op.drop_table("post_keys")
    with op.batch_alter_table("live_profiles", schema=None) as batch_op:
        batch_op.drop_index("ix_live_profiles_shard_publish_seq")

    op.drop_table("live_profiles")
    op.drop_table("key_generation")
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.drop_index("ix_batches_state")
        batch_op.drop_index("ix_batches_planned_hour")

    op.drop_table("batches")
    with op.batch_alter_table("batch_ranges", schema=None) as batch_op:
        batch_op.drop_index("ix_batch_ranges_topic_partition_start_offset")

    op.drop_table("batch_ranges")
    op.drop_table("api_keys")
