"""Decisions: from a request for an ad to the recorded answer.

Belongs here: snapshot, eligibility, decision, decision log. Does not: HTTP (api/).
"""
