"""Belongs here: Dagster assets, checks and jobs. Does not: logic; bodies call the domain and report metadata."""
