"""Fast path: prepared statements on raw driver connections, for the few reads and writes of each decision.

Rooms import statement.py and transaction.py alone, and only where microseconds count; everything else goes through
`stores.sql.relational`.
"""
