"""Audit: who accessed whose data, in chained, keyed entries with signed checkpoints.

Belongs here: everything on the log. Does not: access control (api/access.py).
"""
