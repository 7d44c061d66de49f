"""Fast path: prepared statements on raw driver connections, for the few reads and writes of a decision.

Import it for statements measured in microseconds; everything else goes through `stores.sql.relational`.
"""
