"""Fast path: prepared statements on raw driver connections, for the few reads and writes of each decision.

Import from here, and only where microseconds count; everything else goes through `stores.sql.relational`.
"""

from alphaads_pipelines.stores.sql.fastpath.statement import PreparedStatement
from alphaads_pipelines.stores.sql.fastpath.transaction import (
    FastTransaction,
    WouldBlock,
    fast_transaction,
    is_nonblocking,
    nonblocking,
)

__all__ = ["FastTransaction", "PreparedStatement", "WouldBlock", "fast_transaction", "is_nonblocking", "nonblocking"]
