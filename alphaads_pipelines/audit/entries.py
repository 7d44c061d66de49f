"""What an entry of the audit log is: its line, the keys that make it, how it names people without naming them.

A line is one JSON object. Its last field, `mac`, is HMAC-SHA256 over every byte before it; the field before that,
`previous`, is the `mac` of the entry before. So each line proves itself, and together they prove their order.

People stand in an entry as keyed hashes of their random subject ids. Many of them are one Merkle root (the tree of
RFC 6962, section 2.1, over the sorted hashes) and their number: it commits to who they were and takes 32 bytes.
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
"""People whom an entry lists one by one; more are a Merkle root."""

NOTHING_BEFORE = "0" * 64
_MAC_FIELD = b',"mac":"'
_TAIL = len(_MAC_FIELD) + 64 + len(b'"}')


@dataclass(frozen=True, slots=True, repr=False)
class AuditKeys:
    """Keys of 32 bytes, derived from the audit key (HKDF-Expand, RFC 5869), each for one use only."""

    chain: bytes
    head: bytes
    subject: bytes

    @classmethod
    def derive(cls, audit_key: bytes) -> AuditKeys:
        """The keys that follow from `audit_key`, 32 random bytes."""
        chain, head, subject = (
            HKDFExpand(SHA256(), 32, f"alphaads audit {use}".encode()).derive(audit_key)
            for use in ("chain", "head", "subject")
        )
        return cls(chain, head, subject)

    def hash_of(self, subject_id: str) -> str:
        """What stands for a person in an entry, 64 hexadecimal digits; nobody without the key can make it."""
        return self._digest(subject_id).hex()

    def digests(self, subject_ids: Iterable[str]) -> list[bytes]:
        """The same of many as bytes, each once, sorted."""
        return sorted({self._digest(subject_id) for subject_id in subject_ids})

    def _digest(self, subject_id: str) -> bytes:
        return hmac.digest(self.subject, subject_id.encode(), "sha256")


class People(msgspec.Struct, frozen=True):
    """Whom an entry is about: `listed` one by one, or `root` and `count` for many."""

    count: int = 0
    listed: tuple[str, ...] = ()
    root: str = ""


NOBODY = People()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry. `previous` chains it to the one before; its own `mac` is beside it, in the line."""

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
    """An entry as it was read, with its `mac` of 64 hexadecimal digits."""

    entry: Entry
    mac: str


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


def people(keys: AuditKeys, subject_ids: Iterable[str]) -> People:
    """The people of an entry; who is named twice counts once."""
    hashes = keys.digests(subject_ids)
    if len(hashes) <= MOST_LISTED:
        return People(len(hashes), tuple(each.hex() for each in hashes))
    return People(len(hashes), root=merkle_root(hashes))


def merkle_root(hashes: Sequence[bytes]) -> str:
    """Root over the hashes in their order, as hexadecimal digits; leaves and nodes are hashed apart (RFC 6962)."""
    level = [hashlib.sha256(b"\x00" + each).digest() for each in hashes]
    if not level:
        return hashlib.sha256().hexdigest()
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[0::2], level[1::2], strict=False)
        level = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs] + odd
    return level[0].hex()


def encode(keys: AuditKeys, entry: Entry) -> tuple[bytes, str]:
    """The line of an entry, with its newline, and its `mac`."""
    body = _encoder.encode(entry)[:-1]
    mac = hmac.digest(keys.chain, body, "sha256").hex()
    return body + _MAC_FIELD + mac.encode() + b'"}\n', mac


def decode(keys: AuditKeys, line: bytes) -> Line | None:
    """The entry of a line without its newline; None if it is none that was made with these keys."""
    body, tail = line[:-_TAIL], line[-_TAIL:]
    mac = hmac.digest(keys.chain, body, "sha256").hex()
    if not hmac.compare_digest(tail, _MAC_FIELD + mac.encode() + b'"}'):
        return None
    return Line(_decoder.decode(line), mac)
