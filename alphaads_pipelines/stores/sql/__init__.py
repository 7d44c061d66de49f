"""SQL: the relational store on SQLite or PostgreSQL: connections, transactions, migrations, dumps, documents.

Does not belong here: statements of a single room, which stay in that room.
"""
