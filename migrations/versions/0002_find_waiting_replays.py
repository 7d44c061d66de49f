"""Find waiting replays without reading every batch"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_batches_held_until", "batches", ["held_until"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_batches_held_until", "batches")
