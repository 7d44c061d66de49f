"""Accounts: organisations, users, roles, sessions and service keys. Empty yet.

Belongs here: identities and their scopes. Does not: HTTP (api/) or the log of accesses (audit/).
"""
