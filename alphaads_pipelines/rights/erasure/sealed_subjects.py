"""Encrypt the subject id in an open erasure request, so that the checks do not find it.

AES-256-GCM, bound to the request, under a dedicated key derived from the suppression key (HKDF, RFC 5869).
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from alphaads_pipelines.errors import UnsealError

_NONCE_BYTES, _KEY_BYTES = 12, 32
_INFO = b"alphaads subject of an erasure"


class SealedSubjects:
    """Seals subject ids under `MasterKeys.suppression`."""

    def __init__(self, suppression: bytes) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), _KEY_BYTES, salt=None, info=_INFO).derive(suppression))

    def seal(self, subject_id: str, correlation_id: str) -> bytes:
        """Encrypt a subject id, bound to its request's correlation id."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, subject_id.encode(), correlation_id.encode())

    def open(self, sealed: bytes, correlation_id: str) -> str:
        """Decrypt a subject id. Raises UnsealError."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], correlation_id.encode()).decode()
        except InvalidTag:
            raise UnsealError("the subject of an erasure cannot be opened: the key file is another one") from None
