"""Wiring: builds the domain objects from one `Settings`, choosing implementations. Belongs here: construction only.

core.py builds stores, stream and keys; app.py everything else; the other files one subject each.
"""
