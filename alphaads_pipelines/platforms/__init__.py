"""Platforms: one file per social network: payload -> authored payloads -> Post.

Belongs here: what is peculiar to one network. Does not: sealing, streams, tables.
"""
