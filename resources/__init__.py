"""Dagster resources: they only build plain domain objects; `environments.py` maps local, test and production."""
