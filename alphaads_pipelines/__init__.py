"""The domain library of Alpha Creators Ads: posts in, sealed and scored, profiles and decisions out.

It is free of FastAPI, and uses Dagster only in `definitions.py`, `runtime/` and `cli/`. Rooms import downwards only,
which import-linter enforces; see docs/architecture.md.
"""
