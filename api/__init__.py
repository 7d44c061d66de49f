"""The HTTP service. Belongs here: app factory, access and audit rules, routes. Does not: Dagster, domain logic."""
