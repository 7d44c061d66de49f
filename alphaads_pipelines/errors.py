"""The error tree: causes, whether a retry helps, and HTTP statuses.

    AlphaAdsError
    ├── PermanentError
    │   ├── ConfigurationError
    │   ├── RejectedPayload
    │   ├── EnvelopeError
    │   ├── UnsealError
    │   │   └── KeyDestroyed
    │   ├── SchemaMismatch
    │   ├── OffsetsLost
    │   ├── Fenced
    │   ├── NotFound
    │   ├── Erased
    │   ├── Restricted
    │   ├── NotPermitted
    │   ├── GroupTooSmall
    │   ├── BudgetSpent
    │   ├── AccessDenied
    │   │   └── Unauthenticated
    │   ├── InvalidRequest
    │   ├── QualityRefused
    │   └── MissingArtifact
    └── TransientError
        ├── StreamUnavailable
        ├── StoreUnavailable
        ├── WriteConflict
        └── StaleData

Vendor exceptions are translated in the room that calls the vendor. A message says what was attempted, what happened
and what to do; it never holds a post's text, a name, a handle or a secret.
"""

from __future__ import annotations

from typing import ClassVar


class AlphaAdsError(Exception):
    """Root of every error that this project raises on purpose."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


class PermanentError(AlphaAdsError):
    """A retry fails in the same way."""

    code = "permanent"


class TransientError(AlphaAdsError):
    """A retry may help."""

    code = "transient"
    http_status = 503
    retryable = True


class ConfigurationError(PermanentError):
    """A setting is missing or wrong; the message names it."""

    code = "configuration"


class RejectedPayload(PermanentError):
    """A payload cannot become a post; it is kept with the reason.

    Parameters
    ----------
    reason: a stable snake_case code, safe to count and to show.
    detail: without any value from the payload.
    """

    code = "rejected_payload"
    http_status = 422

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class EnvelopeError(PermanentError):
    """A stream record is not an envelope that this version can parse."""

    code = "envelope"


class UnsealError(PermanentError):
    """A sealed body cannot be opened with the key its envelope names."""

    code = "unseal"


class KeyDestroyed(UnsealError):
    """The subject's key no longer exists: the person was erased."""

    code = "key_destroyed"
    http_status = 410


class SchemaMismatch(PermanentError):
    """Rows violate their table's contract."""

    code = "schema_mismatch"


class OffsetsLost(PermanentError):
    """A range starts below the low watermark: retention removed unread records."""

    code = "offsets_lost"

    def __init__(self, topic: str, partition: int, start: int, low: int) -> None:
        super().__init__(
            f"{topic}[{partition}]: offsets {start} to {low - 1} were removed by retention before they were "
            f"read ({low - start} records); `alphaads batches --resume-after-loss BATCH` continues at {low}"
        )
        self.topic, self.partition, self.start, self.low = topic, partition, start, low


class Fenced(PermanentError):
    """Another attempt owns this batch; this one must stop writing."""

    code = "fenced"


class NotFound(PermanentError):
    """No such subject, batch, creative, ..."""

    code = "not_found"
    http_status = 404


class Erased(PermanentError):
    """The person was erased; nothing of theirs is ingested again."""

    code = "erased"
    http_status = 410


class Restricted(PermanentError):
    """The person's data is kept and may not be used (GDPR article 18)."""

    code = "restricted"
    http_status = 409


class NotPermitted(PermanentError):
    """The terms of the source, or the person, do not allow this purpose."""

    code = "not_permitted"
    http_status = 409


class GroupTooSmall(PermanentError):
    """An aggregate covers too few people to publish, or none; which is not disclosed."""

    code = "group_too_small"
    http_status = 403


class BudgetSpent(PermanentError):
    """A noisy answer would exceed the privacy budget; the message states the remainder."""

    code = "budget_spent"
    http_status = 429


class AccessDenied(PermanentError):
    """The caller is known and may not do this."""

    code = "access_denied"
    http_status = 403


class Unauthenticated(AccessDenied):
    """The caller did not prove who they are."""

    code = "unauthenticated"
    http_status = 401


class InvalidRequest(PermanentError):
    """The caller's input is wrong; the message names the field, never its value."""

    code = "invalid_request"
    http_status = 422


class MissingArtifact(PermanentError):
    """A model file or an optional package is absent or damaged; the message names the command that fixes it."""

    code = "missing_artifact"


class QualityRefused(PermanentError):
    """A new model is worse than the serving one, which stays; the message holds the figures."""

    code = "quality_refused"


class StreamUnavailable(TransientError):
    """The broker does not respond."""

    code = "stream_unavailable"


class StoreUnavailable(TransientError):
    """A database or the lake does not respond."""

    code = "store_unavailable"


class WriteConflict(TransientError):
    """Another writer committed first; retry the whole write."""

    code = "write_conflict"
    http_status = 409


class StaleData(TransientError):
    """The published data is older than the limit."""

    code = "stale_data"
