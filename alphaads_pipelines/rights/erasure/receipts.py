"""Signed, pseudonymous receipts of erasures.

One JSON object. `signature` (Ed25519, RFC 8032, 128 hexadecimal digits) covers a fixed prefix and all other members as
JSON with sorted keys and no spaces. The subject is their keyed hash from `suppressions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from alphaads_pipelines.errors import InvalidRequest

FORMAT = "alphaads erasure receipt 1"
_PREFIX = FORMAT.encode() + b"\0"
_SIGNATURE, _PUBLIC_KEY = "signature", "public_key"


class Signer:
    """Signs and verifies receipts with the seed `MasterKeys.signing`."""

    def __init__(self, signing: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(signing)
        self.public_key = self._key.public_key().public_bytes_raw().hex()

    def sign(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """Sign `content`, JSON values only, as a receipt."""
        receipt = {"format": FORMAT, **content, _PUBLIC_KEY: self.public_key}
        return {**receipt, _SIGNATURE: self._key.sign(_signed(receipt)).hex()}

    def verify(self, receipt: Mapping[str, Any]) -> None:
        """Verify that this installation signed exactly this receipt. Raises InvalidRequest with the reason."""
        if receipt.get("format") != FORMAT:
            raise InvalidRequest(f"this is no receipt: its format is not {FORMAT!r}")
        if receipt.get(_PUBLIC_KEY) != self.public_key:
            raise InvalidRequest("another installation, or another key file, signed this receipt")
        content = {name: value for name, value in receipt.items() if name != _SIGNATURE}
        try:
            self._key.public_key().verify(bytes.fromhex(str(receipt.get(_SIGNATURE, ""))), _signed(content))
        except (InvalidSignature, ValueError):
            raise InvalidRequest("this receipt was changed after it was signed") from None


def parse_receipt(content: bytes) -> dict[str, Any]:
    """Parse a receipt file. Raises InvalidRequest."""
    try:
        receipt = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise InvalidRequest("this is no receipt: it is not JSON") from None
    if not isinstance(receipt, dict):
        raise InvalidRequest("this is no receipt: it is not a JSON object")
    return receipt


def _signed(content: Mapping[str, Any]) -> bytes:
    return _PREFIX + orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
