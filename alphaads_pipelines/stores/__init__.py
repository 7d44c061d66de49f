"""Stores: the lake, the relational store and what is kept in them by key.

Belongs here: connections, reads and writes of declared tables. Does not: what the rows mean.
"""
