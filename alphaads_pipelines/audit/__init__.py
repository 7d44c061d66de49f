"""Audit: who accessed whose data, in chained, keyed entries with signed checkpoints.

Belongs here: writing, reading, verifying and expiring the log. Does not: deciding who may access what (api/access.py).
"""
