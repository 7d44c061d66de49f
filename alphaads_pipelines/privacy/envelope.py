"""Envelope v1: the only form of a post in the stream.

A MessagePack array of a pseudonymous header and a body sealed with the subject's key and bound to the header.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from alphaads_pipelines.errors import EnvelopeError

SCHEMA_VERSION = 1

_Count = Annotated[int, Meta(ge=0, lt=2**31)]
_Id = Annotated[str, Meta(pattern=r"^[\w.-]{1,64}\Z")]
_Microseconds = Annotated[int, Meta(ge=0, lt=253_402_300_800_000_000)]
"""Up to the year 9999, the limit of the date types."""


class Envelope(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One sealed payload, validated to fit its columns, as any client may write to the stream.

    Attributes
    ----------
    shard: stable hash of the subject over the fixed number of shards.
    subject_id: random id of the author, or of the daily key if unattributed.
    key_id: data key that sealed the body.
    nonce: AES-GCM nonce, 12 bytes.
    correlation_id: follows the post through logs, run tags and API answers.
    observed_at_us: time of intake, microseconds since the epoch, UTC.
    attributed: whether the payload names its author.
    body: AES-256-GCM ciphertext of the payload's JSON.
    """

    schema_version: int
    platform: str
    shard: _Count
    subject_id: _Id
    key_id: _Id
    nonce: Annotated[bytes, Meta(min_length=12, max_length=12)]
    correlation_id: str
    observed_at_us: _Microseconds
    attributed: bool
    body: bytes

    def associated_data(self) -> bytes:
        """Header bytes bound to the body."""
        return associated_data(self.schema_version, self.platform, self.shard, self.subject_id, self.key_id)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def associated_data(schema_version: int, platform: str, shard: int, subject_id: str, key_id: str) -> bytes:
    """Associated data of AES-GCM."""
    return f"{schema_version}|{platform}|{shard}|{subject_id}|{key_id}".encode()


def encode(envelope: Envelope) -> bytes:
    """Encode a stream record."""
    return _encoder.encode(envelope)


def decode(record: bytes) -> Envelope:
    """Decode a stream record. Raises EnvelopeError: not an envelope, or of an unknown version."""
    try:
        envelope = _decoder.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError("the stream record is not an envelope") from error
    if envelope.schema_version != SCHEMA_VERSION:
        raise EnvelopeError(f"envelope version {envelope.schema_version} is not known; this code reads version 1")
    return envelope
