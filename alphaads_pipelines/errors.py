"""The error tree: what went wrong, whether a retry helps, and how an API should answer.

    AlphaAdsError
    ├── PermanentError            a retry gives the same answer
    │   ├── ConfigurationError    a setting is missing or wrong
    │   ├── RejectedPayload       a payload cannot become a post; kept, with its reason
    │   ├── EnvelopeError         a stream record is not an envelope we can read
    │   ├── UnsealError           a sealed body cannot be opened
    │   │   └── KeyDestroyed      ... because its key is gone: the person was erased
    │   ├── SchemaMismatch        rows do not match their table's contract
    │   ├── OffsetsLost           a range starts below the stream's low watermark
    │   ├── Fenced                another attempt owns this batch now; write nothing
    │   ├── NotFound              no such subject, batch, creative ...
    │   ├── Erased                the person was erased, and nothing of them is here
    │   ├── Restricted            the person's data is kept and may not be used
    │   ├── NotPermitted          the terms of the source, or the person, do not allow this purpose
    │   ├── GroupTooSmall         an aggregate is about too few people to be told
    │   ├── BudgetSpent           a noisy answer would cost more privacy than is left
    │   ├── AccessDenied          the caller may not do this
    │   │   └── Unauthenticated   ... because nobody knows who the caller is
    │   ├── InvalidRequest        the caller's input is wrong
    │   ├── QualityRefused        a new model is worse than the one that serves
    │   └── MissingArtifact       a model file or optional package is absent or damaged
    └── TransientError            a retry may help
        ├── StreamUnavailable     the broker does not answer
        ├── StoreUnavailable      a database or the lake does not answer
        ├── WriteConflict         another writer committed first; run the whole write again
        └── StaleData             what could be served is too old to serve

Vendor exceptions are translated at the edge of the room that calls the vendor. A message says what was
attempted, what happened and what to do; it never holds a post's text, a name, a handle or a secret.
"""

from __future__ import annotations

from typing import ClassVar


class AlphaAdsError(Exception):
    """Root of every error this project raises on purpose."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False


class PermanentError(AlphaAdsError):
    """A retry gives the same answer."""

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
    """A payload cannot become a post.

    Parameters
    ----------
    reason: a stable snake_case code, safe to count and to show.
    detail: what was expected, without any value from the payload.
    """

    code = "rejected_payload"
    http_status = 422

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class EnvelopeError(PermanentError):
    """A stream record is not an envelope that this version can read."""

    code = "envelope"


class UnsealError(PermanentError):
    """A sealed body cannot be opened with the key its envelope names."""

    code = "unseal"


class KeyDestroyed(UnsealError):
    """The subject's key no longer exists: the person was erased."""

    code = "key_destroyed"
    http_status = 410


class SchemaMismatch(PermanentError):
    """Rows do not match the contract of their table."""

    code = "schema_mismatch"


class OffsetsLost(PermanentError):
    """A range starts below the low watermark: retention removed records that nobody read."""

    code = "offsets_lost"

    def __init__(self, topic: str, partition: int, start: int, low: int) -> None:
        super().__init__(
            f"{topic}[{partition}]: offsets {start} to {low - 1} were removed by retention before they were "
            f"read ({low - start} records); `alphaads batches --resume-after-loss BATCH` continues at {low}"
        )
        self.topic, self.partition, self.start, self.low = topic, partition, start, low


class Fenced(PermanentError):
    """Another attempt owns this batch now; this one must write nothing more."""

    code = "fenced"


class NotFound(PermanentError):
    """No such thing."""

    code = "not_found"
    http_status = 404


class Erased(PermanentError):
    """The person was erased: nothing of them is here, and nothing of them is taken in again."""

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
    """An aggregate is about too few people to be told, or about nobody; which of the two is not told either."""

    code = "group_too_small"
    http_status = 403


class BudgetSpent(PermanentError):
    """A noisy answer would cost more of the privacy budget than is left; the message says how much that is."""

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
    """A model file or an optional package is absent or damaged; the message names the command that mends it."""

    code = "missing_artifact"


class QualityRefused(PermanentError):
    """A model is worse than the one that serves; the message holds the numbers, and the old one serves on."""

    code = "quality_refused"


class StreamUnavailable(TransientError):
    """The broker does not answer."""

    code = "stream_unavailable"


class StoreUnavailable(TransientError):
    """A database or the lake does not answer."""

    code = "store_unavailable"


class WriteConflict(TransientError):
    """Another writer committed first; the whole write must run again."""

    code = "write_conflict"
    http_status = 409


class StaleData(TransientError):
    """What could be served is older than the limit, and a stale answer is worse than none."""

    code = "stale_data"
