"""Platforms: one file per social network: payload -> authored payloads -> Post.

Belongs here: the peculiarities of one network. Does not: sealing, streams, tables.
"""
