"""Pseudonyms: keyed hashes that stand for people and posts. Without the key file they lead nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac

from alphaads_pipelines.privacy.keys import Identity
from alphaads_pipelines.privacy.secrets_file import MasterKeys

_POST_KEY_BYTES = 16
_TOKEN_BYTES = 10


class Pseudonyms:
    """Keyed hashes under the keys of one installation."""

    def __init__(self, master: MasterKeys) -> None:
        self._identity = master.identity
        self._mention = master.mention
        self._suppression = master.suppression
        self._post = hashlib.blake2b(key=master.post, digest_size=_POST_KEY_BYTES)

    def identity(self, platform: str, author_id: str) -> Identity:
        """The identity of an author: HMAC-SHA256 of platform and author id."""
        mac = hmac.digest(self._identity, f"{platform}\0{author_id}".encode("utf-8", "surrogatepass"), "sha256")
        return Identity(mac, platform)

    def suppressed_identity(self, mac: bytes) -> bytes:
        """What stands for an erased identity in the suppression list: HMAC-SHA256 of `Identity.mac`, 32 bytes."""
        return hmac.digest(self._suppression, b"identity\0" + mac, "sha256")

    def suppressed_subject(self, subject_id: str) -> bytes:
        """What stands for an erased subject in the suppression list, 32 bytes."""
        return hmac.digest(self._suppression, b"subject\0" + subject_id.encode(), "sha256")

    def mention(self, platform: str, handle: str) -> str:
        """A token such as `u_4q7xk2m5r6t3v1za`: the same for the same handle on a platform, whatever its case."""
        text = f"{platform}\0{handle.casefold()}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._mention, text, "sha256")[:_TOKEN_BYTES]
        return "u_" + base64.b32encode(digest).decode().lower()

    def name(self, normal_name: str) -> str:
        """A token such as `n_4q7xk2m5r6t3v1za` for a name that stands in a text, the same on every platform.

        Parameters
        ----------
        normal_name: as names are compared, so that its spellings have one token.
        """
        # No platform is called so, so that it cannot be the token of a mention.
        text = f"\0name\0{normal_name}".encode("utf-8", "surrogatepass")
        digest = hmac.digest(self._mention, text, "sha256")[:_TOKEN_BYTES]
        return "n_" + base64.b32encode(digest).decode().lower()

    def assignment_salt(self) -> bytes:
        """The secret by which units are placed into experiments and canaries, 32 bytes; it changes with the key file
        alone, so that an arm is the same on every host and after a restart."""
        return hmac.digest(self._mention, b"\0assignment", "sha256")

    def post_key(self, platform: str, post_id: str, version: int) -> bytes:
        """The key of a post's version, 16 bytes: keyed BLAKE2b (RFC 7693) of platform, id and version."""
        hasher = self._post.copy()
        hasher.update(f"{platform}\0{post_id}\0{version}".encode("utf-8", "surrogatepass"))
        return hasher.digest()

    def body_key(self, platform: str, body: bytes) -> bytes:
        """The key of a payload that is no post, 16 bytes: the same payload again is the same reject."""
        hasher = self._post.copy()
        hasher.update(b"\0payload\0" + platform.encode() + b"\0")
        hasher.update(body)
        return hasher.digest()
