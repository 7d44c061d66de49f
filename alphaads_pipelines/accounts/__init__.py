"""Accounts: organisations, users, roles, sessions and service keys.

Belongs here: who may sign in and with which scopes. Does not: HTTP (api/) or the log of accesses (audit/). Nothing is
built here yet.
"""
