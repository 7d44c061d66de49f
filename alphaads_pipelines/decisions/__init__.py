"""Decisions: the in-memory snapshot, eligibility, the decision log.

Belongs here: everything between a request for an ad and the recorded answer. Does not: HTTP (api/).
"""
