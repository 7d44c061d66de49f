"""Interpreter settings that keep API latency low."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH_INTERVAL_S = 0.0005
"""The longest a decision waits for a polling thread to release the GIL; the default of 5 ms is the whole budget."""
_YOUNG_OBJECTS = 10_000
"""Allocations before a young collection. Shipping the spool reaches the default of 700; an HTTP request does not."""


@contextmanager
def tuned_process() -> Iterator[None]:
    """Tune thread switching and garbage collection, restoring them at the end. Enter once start-up is complete."""
    switch_interval_s, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    gc.freeze()  # long-lived objects: traversing them in a full collection would stop every HTTP request for 0.1 s
    gc.set_threshold(_YOUNG_OBJECTS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        sys.setswitchinterval(switch_interval_s)
