"""Wiring: from one `Settings` to the domain objects; the one place where configuration chooses implementations.

core.py builds the stores, the stream and the keys; app.py everything on top of them; the others one subject each.
"""
