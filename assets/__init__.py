"""Dagster assets and checks, one file per group: thin bodies that call the domain and report metadata."""
