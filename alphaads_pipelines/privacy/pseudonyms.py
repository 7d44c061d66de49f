"""Pseudonyms: keyed hashes of people and posts, unlinkable without the key file."""

from __future__ import annotations

import base64
import hashlib
import hmac

from alphaads_pipelines.privacy.keys import Identity
from alphaads_pipelines.privacy.secrets_file import MasterKeys

_POST_KEY_BYTES = 16
_TOKEN_BYTES = 10


class Pseudonyms:
    """Keyed hashes under one installation's keys."""

    def __init__(self, master: MasterKeys) -> None:
        self._identity = master.identity
        self._mention = master.mention
        self._suppression = master.suppression
        self._post = hashlib.blake2b(key=master.post, digest_size=_POST_KEY_BYTES)

    def identity(self, platform: str, author_id: str) -> Identity:
        """Hash an author: HMAC-SHA256 of platform and author id."""
        mac = hmac.digest(self._identity, f"{platform}\0{author_id}".encode("utf-8", "surrogatepass"), "sha256")
        return Identity(mac, platform)

    def suppressed_identity(self, mac: bytes) -> bytes:
        """Suppression entry of an identity: HMAC-SHA256 of `Identity.mac`, 32 bytes."""
        return hmac.digest(self._suppression, b"identity\0" + mac, "sha256")

    def suppressed_subject(self, subject_id: str) -> bytes:
        """Suppression entry of a subject id, 32 bytes."""
        return hmac.digest(self._suppression, b"subject\0" + subject_id.encode(), "sha256")

    def mention(self, platform: str, handle: str) -> str:
        """A token such as `u_4q7xk2m5r6t3v1za`, the same for a handle on a platform in any case."""
        text = f"{platform}\0{handle.casefold()}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._mention, text, "sha256")[:_TOKEN_BYTES]
        return "u_" + base64.b32encode(digest).decode().lower()

    def name(self, normal_name: str) -> str:
        """A token such as `n_4q7xk2m5r6t3v1za` for a normalised name, the same on every platform."""
        # The prefix is no platform, so no mention has the same token.
        text = f"\0name\0{normal_name}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._mention, text, "sha256")[:_TOKEN_BYTES]
        return "n_" + base64.b32encode(digest).decode().lower()

    def assignment_salt(self) -> bytes:
        """Secret for assigning units to experiments and canaries, 32 bytes; stable across hosts and restarts."""
        return hmac.digest(self._mention, b"\0assignment", "sha256")

    def post_key(self, platform: str, post_id: str, version: int) -> bytes:
        """Key of a post's version, 16 bytes: keyed BLAKE2b (RFC 7693)."""
        hasher = self._post.copy()
        hasher.update(f"{platform}\0{post_id}\0{version}".encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def body_key(self, platform: str, body: bytes) -> bytes:
        """Key of a payload that is not a post, 16 bytes; the same for repeated payloads."""
        hasher = self._post.copy()
        hasher.update(b"\0payload\0" + platform.encode() + b"\0")
        hasher.update(body)
        return hasher.digest()
