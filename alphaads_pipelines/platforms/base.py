"""The parser interface of a social network, and the common `Post`.

`parse` is separate from `split` so that a fixed parser can rerun over everything rejected.
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
"""Handle (without @) -> its token in texts; stable within a platform."""

PostKind = Literal["original", "reply", "repost", "quote"]


class Post(msgspec.Struct, frozen=True, gc=False):
    """A normalised post. @mentions in `text` are already tokenised.

    Attributes
    ----------
    created_at: UTC.
    version: 0 for the post, 1.. for its edits.
    author_name, author_handle: in the clear only inside sealed bodies and memory.
    language: declared by the network, ISO 639-1, or None.
    hashtags: without #, lower case.
    likes, shares, replies: at observation, or None where hidden.
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
    """A payload of one author (`author_id` None: unattributed) that names no other person.

    `network` is the author's network if not the splitting platform: the generic format carries posts of any network.
    """

    author_id: str | None
    payload: Payload
    network: str | None = None


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are not a JSON object; stored sealed, later rejected with the reason."""

    raw: bytes


class Platform(ABC):
    """One social network: splits payloads, removes other people from them, and parses them."""

    name: ClassVar[str]

    @abstractmethod
    def split(self, payload: Payload, tokenise: Tokenise) -> list[AuthoredPayload]:
        """Split a payload at intake, where identities are in the clear: its own post first, then nested and quoted
        ones.

        Other people's handles, names and ids are tokenised or dropped. Never raises: an unattributable part has
        `author_id` None, to be sealed with the daily key and rejected later.
        """

    @abstractmethod
    def parse(self, payload: Payload) -> Post:
        """Normalise one payload from `split`.

        Raises
        ------
        RejectedPayload: with a stable reason code, and a detail without values of the payload.
        """
