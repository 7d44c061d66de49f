"""Permission of each decision, read from the store every time: a withdrawal holds for the next decision anywhere."""

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
    """Reads permissions. Thread-safe. While the store is unavailable nothing is personalised.

    Parameters
    ----------
    retry_s: after an outage decisions do not query the store for so long.
    clock: monotonic seconds.
    """

    def __init__(self, engine: Engine, retry_s: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine, self._retry_s, self._clock = engine, retry_s, clock
        self._away_until = float("-inf")

    def of(self, subject_id: str | None) -> Permission:
        """Read the permission of a subject."""
        if subject_id is not None and self._clock() < self._away_until:
            return _UNCHECKED
        try:
            return permission_of(self._engine, subject_id, PURPOSE)
        except StoreUnavailable as error:
            self._away_until = self._clock() + self._retry_s
            _log.warning("permission not asked", error=error.code)
            return _UNCHECKED
