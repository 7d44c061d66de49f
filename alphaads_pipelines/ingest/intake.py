"""Intake: the only writer of the posts stream, and the only place that sees an identity in the clear.

Each payload is split, pseudonymised and sealed into one envelope per author. Parts by erased people are dropped and
counted. Unreadable parts are sealed with the key of the day and rejected with a reason by the batch reader.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from alphaads_pipelines.errors import InvalidRequest
from alphaads_pipelines.platforms.base import AuthoredPayload, Malformed, Payload, Platform, Tokenise
from alphaads_pipelines.platforms.fields import clean
from alphaads_pipelines.platforms.malformed import MAX_BODY_BYTES, malformed_payload
from alphaads_pipelines.privacy.envelope import encode
from alphaads_pipelines.privacy.pseudonyms import Pseudonyms
from alphaads_pipelines.privacy.sealer import Sealer, Unsealed
from alphaads_pipelines.registry import Registry
from alphaads_pipelines.stores.subjects.suppressions import Suppressions
from alphaads_pipelines.streams.base import Record, Stream
from alphaads_pipelines.telemetry import POSTS_DROPPED, POSTS_TAKEN_IN, get_logger

_log = get_logger(__name__)
_DEEPEST = 64


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """Counts of an intake.

    Attributes
    ----------
    produced: envelopes written; exceeds `read` with nested posts.
    suppressed: parts dropped because their author was erased.
    """

    read: int
    produced: int
    suppressed: int = 0

    def __add__(self, other: IntakeResult) -> IntakeResult:
        return IntakeResult(self.read + other.read, self.produced + other.produced, self.suppressed + other.suppressed)


def _now() -> datetime:
    return datetime.now(UTC)


class Intake:
    """Seals payloads and appends them to the stream.

    Parameters
    ----------
    topic: must exist.
    sealer, pseudonyms, suppressions: over the same master keys.
    clock: source of `observed_at`.
    """

    def __init__(
        self,
        stream: Stream,
        topic: str,
        sealer: Sealer,
        pseudonyms: Pseudonyms,
        suppressions: Suppressions,
        platforms: Registry[Platform],
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._stream = stream
        self._topic = topic
        self._sealer = sealer
        self._pseudonyms = pseudonyms
        self._suppressions = suppressions
        self._platforms = platforms
        self._clock = clock
        self._partitions: int | None = None

    def take(self, platform: str, payloads: Sequence[Payload | Malformed], correlation_id: str) -> IntakeResult:
        """Seal and produce; durable on return. Repeats are harmless: batches are deduplicated.

        Raises
        ------
        InvalidRequest: unknown platform.
        StreamUnavailable, StoreUnavailable: some may be in the stream; repeat all later.
        """
        if platform not in self._platforms:
            raise InvalidRequest(f"platform: must be one of {', '.join(self._platforms)}")
        parts = list(self._unsealed(platform, payloads))
        items = self._kept(parts)
        envelopes = self._sealer.seal(platform, items, correlation_id, self._clock())
        partitions = self._partition_count()
        records = [Record(envelope.shard % partitions, encode(envelope)) for envelope in envelopes]
        self._stream.produce(self._topic, records)
        result = IntakeResult(len(payloads), len(records), len(parts) - len(items))
        POSTS_TAKEN_IN.labels(platform).inc(result.produced)
        POSTS_DROPPED.labels("suppressed").inc(result.suppressed)
        _log.info("posts taken in", platform=platform, **asdict(result), correlation_id=correlation_id)
        return result

    def _unsealed(self, platform: str, payloads: Sequence[Payload | Malformed]) -> Iterator[Unsealed]:
        parser = self._platforms.load(platform)()
        tokenise = partial(self._pseudonyms.mention, platform)
        identity = self._pseudonyms.identity
        for payload in payloads:
            if isinstance(payload, Malformed):
                yield Unsealed(None, orjson.dumps(malformed_payload(payload.raw)))
                continue
            for part in _split(parser, payload, tokenise):
                author = part.author_id
                who = None if author is None else identity(part.network or platform, author)
                yield Unsealed(who, encode_body(part.payload))

    def _kept(self, parts: Sequence[Unsealed]) -> list[Unsealed]:
        gone = self._suppressions.suppressed(part.identity.mac for part in parts if part.identity is not None)
        return [part for part in parts if part.identity is None or part.identity.mac not in gone]

    def _partition_count(self) -> int:
        # Cached: partitions may not change under the ledger anyway.
        if self._partitions is None:
            self._partitions = self._stream.partitions(self._topic)
        return self._partitions


def encode_body(payload: Payload) -> bytes:
    """Encode the JSON to seal: always valid and within the stream's record limit."""
    try:
        body = orjson.dumps(payload)
    except TypeError:
        body = orjson.dumps(_repaired(payload))
    return body if len(body) <= MAX_BODY_BYTES else orjson.dumps(malformed_payload(body))


def _split(parser: Platform, payload: Payload, tokenise: Tokenise) -> list[AuthoredPayload]:
    try:
        return parser.split(payload, tokenise)
    except Exception as error:  # noqa: BLE001 - a parser's bug must not lose a payload
        _log.error("split failed", platform=parser.name, error=type(error).__name__)
        return [AuthoredPayload(None, payload)]


def _repaired(value: Any, depth: int = 0) -> Any:
    """Coerce to strict JSON: whole characters, 64-bit numbers, bounded nesting."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, dict | list) and depth >= _DEEPEST:
        return None
    if isinstance(value, dict):
        return {clean(str(key)): _repaired(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list):
        return [_repaired(each, depth + 1) for each in value]
    return value
