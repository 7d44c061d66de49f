"""The gazetteer: names that are tracked, and how often they were edited"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from alphaads_pipelines.stores.sql.relational import (UtcTimestamp)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tracked_names",
        sa.Column("tracked_id", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("entity_type", sa.Text(), autoincrement=False, nullable=False),
        sa.Column("aliases", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("campaign_ids", sa.JSON(), autoincrement=False, nullable=False),
        sa.Column("is_exact_case", sa.Boolean(), autoincrement=False, nullable=False),
        sa.Column("updated_at", UtcTimestamp(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tracked_id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tracked_names_tenant", "tracked_names", ["tenant"], unique=False)
    op.create_table(
        "gazetteer_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=False,
        sqlite_with_rowid=True,
    )


def downgrade() -> None:
    op.drop_table("gazetteer_version")
    op.drop_index("ix_tracked_names_tenant", "tracked_names")
    op.drop_table("tracked_names")
