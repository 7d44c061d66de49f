"""Audit: who accessed whose data, in chained, keyed entries with signed checkpoints.

Belongs here: writing, reading, verifying and expiring the log. Does not: access control (api/access.py).
"""
