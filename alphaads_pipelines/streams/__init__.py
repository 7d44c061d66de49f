"""Streams: one interface, one file per kind of log.

Belongs here: producing, end offsets, reading a range. Does not: record contents, consumer offsets.
"""
