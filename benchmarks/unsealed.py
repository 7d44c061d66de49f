"""An installation without sealing: a baseline, and a positive control of privacy scans. No setting selects it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property

from alphaads_pipelines.errors import UnsealError
from alphaads_pipelines.privacy.envelope import SCHEMA_VERSION, Envelope
from alphaads_pipelines.privacy.sealer import Sealed, Sealer, Unsealed
from alphaads_pipelines.stores.subjects.subject_keys import shard_of
from alphaads_pipelines.wiring.app import Wiring

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_NONCE = bytes(12)


class OpenSealer(Sealer):
    """Leaves bodies in the clear; a subject id is a prefix of the identity's hash."""

    def seal(
        self, platform: str, items: Sequence[Unsealed], correlation_id: str, observed_at: datetime
    ) -> list[Envelope]:
        """Wrap items in envelopes."""
        observed_us = (observed_at - _EPOCH) // datetime.resolution
        return [self._envelope(platform, each, correlation_id, observed_us) for each in items]

    def _envelope(self, platform: str, item: Unsealed, correlation_id: str, observed_us: int) -> Envelope:
        subject = "nobody" if item.identity is None else item.identity.mac.hex()[:32]
        shard = shard_of(subject, self._shards)
        known = item.identity is not None
        header = (SCHEMA_VERSION, platform, shard, subject, "none", _NO_NONCE, correlation_id, observed_us, known)
        return Envelope(*header, item.body)

    def unseal(self, sealed: Sequence[Sealed]) -> list[bytes | UnsealError]:
        """Return the bodies."""
        return [each.body for each in sealed]


class OpenWiring(Wiring):
    """Wiring without sealing."""

    @cached_property
    def sealer(self) -> Sealer:
        """An OpenSealer."""
        return OpenSealer(self.subject_keys, self.settings.shards)
