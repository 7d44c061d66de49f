"""Ports: the objects of an installation that domain code works on, whichever implementations its settings chose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Engine

    from alphaads_pipelines.ingest.ledger import Ledger
    from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
    from alphaads_pipelines.privacy.sealer import Sealer
    from alphaads_pipelines.stores.lake.base import Lake
    from alphaads_pipelines.stores.subjects.subject_keys import RelationalSubjectKeys
    from alphaads_pipelines.stores.subjects.suppressions import Suppressions
    from alphaads_pipelines.streams.base import Stream
    from alphaads_pipelines.streams.topics import Topics


class Ports(Protocol):
    """Stores, stream, keys and places of one installation; `wiring.core.CoreWiring` builds each on first use."""

    @property
    def engine(self) -> Engine:
        """The relational store."""

    @property
    def lake(self) -> Lake:
        """The Delta tables."""

    @property
    def stream(self) -> Stream:
        """The embedded stream, or Kafka."""

    @property
    def topics(self) -> Topics:
        """The stream's topics."""

    @property
    def ledger(self) -> Ledger:
        """The plan of micro-batches."""

    @property
    def subject_keys(self) -> RelationalSubjectKeys:
        """Subject ids and wrapped data keys."""

    @property
    def suppressions(self) -> Suppressions:
        """Erased identities."""

    @property
    def sealer(self) -> Sealer:
        """Seals and unseals bodies."""

    @property
    def pseudonyms(self) -> Pseudonyms:
        """Keyed hashes that stand for identities."""

    @property
    def shards(self) -> int:
        """The fixed number of shards."""

    @property
    def home(self) -> Path:
        """Folder of all local state."""

    @property
    def spool_path(self) -> Path:
        """Folder of decisions that are not on the stream yet."""
