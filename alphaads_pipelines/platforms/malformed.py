"""Payloads for oversized bodies and bodies that are not JSON objects: their bytes, which `parse` rereads."""

from __future__ import annotations

import base64
import binascii

import orjson

from alphaads_pipelines.errors import RejectedPayload
from alphaads_pipelines.platforms.base import Payload, Platform, Post
from alphaads_pipelines.platforms.fields import rejected
from alphaads_pipelines.platforms.mentions import mask

MAX_BODY_BYTES = 700_000
"""Largest body of an envelope: with its header within Kafka's default limit of 1 MiB per record."""
KEPT_BYTES = 65_536


def malformed_payload(raw: bytes) -> Payload:
    """Wrap malformed bytes; oversized ones as their first bytes and total length."""
    if len(raw) * 4 // 3 < MAX_BODY_BYTES - 1_000:
        return {"malformed": base64.b64encode(raw).decode()}
    return {"malformed": base64.b64encode(raw[:KEPT_BYTES]).decode(), "of_bytes": len(raw)}


def parse_malformed(payload: Payload, platform: Platform) -> Post:
    """Parse the carried bytes again, in case the reader has been fixed since.

    They were never split, so `split` runs here; without a key, every mention becomes `@user`.

    Raises
    ------
    RejectedPayload: too_large, malformed_json, not_an_object, or as raised by `platform.parse`.
    """
    return platform.parse(platform.split(_reread(payload), mask)[0].payload)


def _reread(payload: Payload) -> Payload:
    if "of_bytes" in payload:
        raise rejected("too_large")
    try:
        value = orjson.loads(base64.b64decode(payload["malformed"], validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise rejected("malformed_json") from None
    if not isinstance(value, dict):
        raise rejected("not_an_object")
    if "malformed" in value:
        raise RejectedPayload("malformed_json", "malformed bytes inside malformed bytes")
    return value
