"""Alembic's entry: runs the migrations on the connection that `stores.sql.relational.migrate` opened."""

from __future__ import annotations

from alembic import context

from alphaads_pipelines.stores.sql.relational import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transaction_per_migration=False,
)
context.run_migrations()
