"""Ingest: intake, the ledger of micro-batches, and decoding a batch's records into rows.

Belongs here: the way from a payload to accepted, rejected or duplicate. Does not: scoring, profiles, orchestration.
"""
