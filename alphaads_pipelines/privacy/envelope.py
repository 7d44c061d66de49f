"""Envelope v1: the only form in which a post travels the stream.

A MessagePack array: header in the clear (nothing in it names a person), body sealed with the subject's key. The
header is the associated data of the seal, so it cannot be changed or moved to another body unseen.
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
"""Before the year 10000, which no date type holds."""


class Envelope(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One sealed payload. Whoever may write to the stream may write anything: what no column could hold is no envelope.

    Attributes
    ----------
    schema_version: version of this layout.
    platform: social network the payload came from.
    shard: stable hash of the subject over the fixed number of shards.
    subject_id: random id of the author, or of the daily key for a payload nobody could be attributed to.
    key_id: which data key sealed the body.
    nonce: AES-GCM nonce, 12 bytes.
    correlation_id: follows the post through logs, run tags and API answers.
    observed_at_us: when intake saw it, microseconds since the epoch, UTC.
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
        """Bytes that the seal binds to the body."""
        return associated_data(self.schema_version, self.platform, self.shard, self.subject_id, self.key_id)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Envelope)


def associated_data(schema_version: int, platform: str, shard: int, subject_id: str, key_id: str) -> bytes:
    """What AES-GCM authenticates beside the body."""
    return f"{schema_version}|{platform}|{shard}|{subject_id}|{key_id}".encode()


def encode(envelope: Envelope) -> bytes:
    """Bytes of a stream record."""
    return _encoder.encode(envelope)


def decode(record: bytes) -> Envelope:
    """Read a stream record.

    Raises
    ------
    EnvelopeError: the bytes are no envelope, or one of a version this code does not know.
    """
    try:
        envelope = _decoder.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EnvelopeError("the stream record is not an envelope") from error
    if envelope.schema_version != SCHEMA_VERSION:
        raise EnvelopeError(f"envelope version {envelope.schema_version} is not known; this code reads version 1")
    return envelope
