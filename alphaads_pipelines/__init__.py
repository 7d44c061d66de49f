"""The domain library of Alpha Creators Ads: posts in, sealed and scored, profiles and decisions out.

It knows no FastAPI, and Dagster only in `definitions.py` and `cli/`. Rooms import downwards only: privacy, platforms,
streams, stores, ingest, nlp, profiles, creatives, bandits, delivery, decisions, analytics, rights, each the ones
before it. import-linter holds that; see docs/architecture.md.
"""
