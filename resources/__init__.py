"""Belongs here: Dagster resources, storages and names. Does not: domain logic."""
