"""Audit entries: line format, keys, and pseudonymous references to people.

A line is one JSON object. Its last field, `mac`, is HMAC-SHA256 over all bytes before it, including `previous`, the
preceding entry's `mac`: a line authenticates itself and its position.

People are keyed hashes of their subject ids or, above MOST_LISTED, a 32-byte Merkle root (RFC 6962, section 2.1, over
the sorted hashes) and a count.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

MOST_LISTED = 16
"""Maximum of people listed individually, before a Merkle root replaces them."""

GENESIS_MAC = "0" * 64
_MAC_FIELD = b',"mac":"'
_TAIL = len(_MAC_FIELD) + 64 + len(b'"}')


@dataclass(frozen=True, slots=True, repr=False)
class AuditKeys:
    """32-byte keys, one per use, derived from the audit key (HKDF-Expand, RFC 5869)."""

    chain: bytes
    head: bytes
    subject: bytes

    @classmethod
    def derive(cls, audit_key: bytes) -> AuditKeys:
        """Derive the keys from `audit_key`, 32 random bytes."""
        chain, head, subject = (
            HKDFExpand(SHA256(), 32, f"alphaads audit {use}".encode()).derive(audit_key)
            for use in ("chain", "head", "subject")
        )
        return cls(chain, head, subject)

    def hash_of(self, subject_id: str) -> str:
        """A person's keyed hash, 64 hexadecimal digits."""
        return self._digest(subject_id).hex()

    def digests(self, subject_ids: Iterable[str]) -> list[bytes]:
        """Distinct keyed hashes as bytes, sorted."""
        return sorted({self._digest(subject_id) for subject_id in subject_ids})

    def _digest(self, subject_id: str) -> bytes:
        return hmac.digest(self.subject, subject_id.encode(), "sha256")


class People(msgspec.Struct, frozen=True):
    """People of an entry: `listed` individually, or `root` and `count`."""

    count: int = 0
    listed: tuple[str, ...] = ()
    root: str = ""


NOBODY = People()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; `previous` chains it. Its own `mac` follows in the line."""

    writer: str
    number: int
    at: datetime
    actor: str
    action: str
    purpose: str
    resource: str
    correlation_id: str
    people: People
    previous: str


class Line(msgspec.Struct, frozen=True):
    """A decoded entry with its `mac` of 64 hexadecimal digits."""

    entry: Entry
    mac: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


def people(keys: AuditKeys, subject_ids: Iterable[str]) -> People:
    """Hash and deduplicate subject ids for an entry."""
    hashes = keys.digests(subject_ids)
    if len(hashes) <= MOST_LISTED:
        return People(len(hashes), tuple(each.hex() for each in hashes))
    return People(len(hashes), root=merkle_root(hashes))


def merkle_root(hashes: Sequence[bytes]) -> str:
    """Merkle root of the hashes in order, hexadecimal; prefixes separate leaves from nodes (RFC 6962)."""
    level = [hashlib.sha256(b"\x00" + each).digest() for each in hashes]
    if not level:
        return hashlib.sha256().hexdigest()
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[0::2], level[1::2], strict=False)
        level = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0].hex()


def encode(keys: AuditKeys, entry: Entry) -> tuple[bytes, str]:
    """The entry's line, with newline, and its `mac`."""
    body = _encoder.encode(entry)[:-1]
    mac = hmac.digest(keys.chain, body, "sha256").hex()
    return body + _MAC_FIELD + mac.encode() + b'"}\n', mac


def decode(keys: AuditKeys, line: bytes) -> Line | None:
    """Decode a line without its newline; None unless made with these keys."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    mac = hmac.digest(keys.chain, body, "sha256").hex()
    if not hmac.compare_digest(tail, _MAC_FIELD + mac.encode() + b'"}'):
        return None
    return Line(_decoder.decode(line), mac)
