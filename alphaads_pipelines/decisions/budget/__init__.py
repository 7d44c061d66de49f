"""Budget: how much of a campaign's money may be spent now, what is reserved, and what is settled.

Belongs here: pacing, reservations, settlement, reconciliation, spend reports. Does not: which creative is chosen
(decide.py).
"""
