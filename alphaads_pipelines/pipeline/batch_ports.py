"""Ports of a micro-batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from alphaads_pipelines.ports import Ports

if TYPE_CHECKING:
    from alphaads_pipelines.audit.log import AuditLog
    from alphaads_pipelines.ingest.batch_reader import BatchReader
    from alphaads_pipelines.nlp.base import Scorer
    from alphaads_pipelines.nlp.tracked_names import CurrentGazetteer


class BatchPorts(Ports, Protocol):
    """Objects that the steps use; `wiring.app.Wiring` builds each on first use."""

    @property
    def batch_reader(self) -> BatchReader:
        """Reads records into rows."""

    @property
    def scorer(self) -> Scorer:
        """The scorer of the configured tier."""

    @property
    def gazetteer(self) -> CurrentGazetteer:
        """The tracked names."""

    @property
    def audit(self) -> AuditLog:
        """The log of every access to people's data."""
