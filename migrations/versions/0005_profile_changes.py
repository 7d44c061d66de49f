"""Which profiles a publication changed: a narrow table that is trimmed, instead of an index over every profile"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profile_changes",
        sa.Column(
            "change_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("publish_seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_id", sa.Text(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("change_id"),
        sqlite_autoincrement=True,
        sqlite_with_rowid=True,
    )
    op.create_index("ix_profile_changes_shard_publish_seq", "profile_changes", ["shard", "publish_seq"], unique=False)
    # Null: of what was published so far no change is listed, so that readers begin with everything.
    op.add_column("published", sa.Column("listed_after", sa.BigInteger(), autoincrement=False, nullable=True))
    op.drop_index("ix_live_profiles_shard_publish_seq", "live_profiles")


def downgrade() -> None:
    op.create_index("ix_live_profiles_shard_publish_seq", "live_profiles", ["shard", "publish_seq"], unique=False)
    op.drop_column("published", "listed_after")
    op.drop_index("ix_profile_changes_shard_publish_seq", "profile_changes")
    op.drop_table("profile_changes")
