"""The HTTP service: app factory, access rules, routes. It reads an in-memory snapshot; it knows no Dagster."""
