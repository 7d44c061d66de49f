"""Permission of each decision: asked from the store when the decision is made, never from the snapshot.

The snapshot is up to a poll old, and a withdrawal must hold for the next decision, whichever process makes it. So the
answer is read anew each time, in one indexed statement.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Engine

from alphaads_pipelines.errors import StoreUnavailable
from alphaads_pipelines.stores.subjects.permissions import Permission, permission_of
from alphaads_pipelines.telemetry import get_logger

PURPOSE = "personalised_ads"
_UNCHECKED = Permission(refusal="unchecked")
_log = get_logger(__name__)


class Permissions:
    """What decisions may use. Thread-safe. A store that is away allows nothing: ads go on, without personalisation.

    Parameters
    ----------
    engine: the relational store.
    retry_s: an outage is believed for so long, so that decisions do not wait for it one by one.
    clock: monotonic seconds.
    """

    def __init__(self, engine: Engine, retry_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._retry_s, self._clock = engine, retry_s, clock
        self._away_until = float("-inf")

    def of(self, subject_id: str | None) -> Permission:
        """What may be used of a subject now."""
        if subject_id is not None and self._clock() < self._away_until:
            return _UNCHECKED
        try:
            return permission_of(self._engine, subject_id, PURPOSE)
        except StoreUnavailable as error:
            self._away_until = self._clock() + self._retry_s
            _log.warning("permission not asked", error=error.code)
            return _UNCHECKED
