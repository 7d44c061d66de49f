"""What a social network's parser must offer, and the one `Post` that all of them give.

A platform splits what arrives into payloads that each belong to one author (`split`), at intake, where identities are
in the clear; and turns an unsealed payload into a `Post` (`parse`), later, in the asset. The two are apart so that a
mended parser can be run again over everything that was rejected.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

Payload = dict[str, Any]
Tokenise = Callable[[str], str]
"""Handle (without @) -> token that stands for it in texts; the same handle gives the same token on a platform."""

PostKind = Literal["original", "reply", "repost", "quote"]


class Post(msgspec.Struct, frozen=True, gc=False):
    """A normalised post. `text` has its @mentions tokenised already.

    Attributes
    ----------
    platform, post_id, author_id: as the network has them.
    text: what the person wrote; never empty of meaning by our doing, may be empty.
    created_at: UTC.
    version: 0 for the post, 1.. for its edits.
    kind: original, reply, repost or quote.
    author_name, author_handle: in the clear only inside sealed bodies and memory.
    language: as the network declares it, ISO 639-1, or None.
    hashtags: without #, lower case.
    likes, shares, replies: counts at observation, or None where hidden.
    """

    platform: str
    post_id: str
    author_id: str
    text: str
    created_at: datetime
    version: int = 0
    kind: PostKind = "original"
    author_name: str | None = None
    author_handle: str | None = None
    language: str | None = None
    hashtags: tuple[str, ...] = ()
    likes: int | None = None
    shares: int | None = None
    replies: int | None = None


@dataclass(frozen=True, slots=True)
class AuthoredPayload:
    """A payload that belongs to one author (or to nobody: `author_id` None) and names no other person.

    `network` says whose author id it is when that is not the platform that split it: the generic format carries
    posts of any network, and the same number on two networks is two people.
    """

    author_id: str | None
    payload: Payload
    network: str | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no JSON object; kept sealed, rejected later with the reason."""

    raw: bytes


class Platform(ABC):
    """One social network: how its payloads are split, cleaned of other people, and read."""

    name: ClassVar[str]

    @abstractmethod
    def split(self, payload: Payload, tokenise: Tokenise) -> list[AuthoredPayload]:
        """The payload's own post first, then the nested and quoted ones, each with its author.

        Other people's handles, names and ids are tokenised or dropped in each. Never raises on odd payloads: what
        cannot be attributed comes back with `author_id` None, to be sealed with the daily key and rejected later.
        """

    @abstractmethod
    def parse(self, payload: Payload) -> Post:
        """Normalise one payload that `split` gave.

        Raises
        ------
        RejectedPayload: with a stable reason code, and a detail that holds no value of the payload.
        """
