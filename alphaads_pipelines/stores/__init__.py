"""Stores: the lake, the relational store, and keyed data in them.

Belongs here: connections, reads and writes of declared tables. Does not: the meaning of rows.
"""
