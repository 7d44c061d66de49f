"""Canary people: each has a unique name, e-mail address, handle and text.

A payload of every registered platform plants all four; a new platform adds its own here, or the canary test fails.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alphaads_pipelines.platforms.base import Payload

MARK = "Zqvexo"
"""Prefix of every planted word, for a fast scan of files."""
_SYLLABLES = ("ba", "cu", "do", "fi", "ga", "hu", "jo", "ki", "la", "mu", "no", "pi", "ra", "su", "to", "vi")
_AT = datetime.now(UTC) - timedelta(hours=1)
"""Of every post; recent, as moods fade within days and must still affect decisions."""


@dataclass(frozen=True)
class Canary:
    """One person."""

    number: int
    platform: str
    name: str
    mail: str
    handle: str
    word: str

    @property
    def words(self) -> tuple[str, ...]:
        """Strings to search for."""
        return (self.name, self.mail, self.handle, self.word)

    @property
    def author_id(self) -> str:
        """As the networks number them."""
        return str(9_470_000 + self.number)

    def payload(self, post_id: str, text: str | None) -> Payload:
        """A post of theirs as their network gives it; without a text it is rejected."""
        return PAYLOADS[self.platform](self, f"{post_id}-{self.number}", text)

    @property
    def text(self) -> str:
        """A joyful post with word and address."""
        return f"I love my {self.word} so much, it is wonderful! mail {self.mail} 😀"


def canaries(count: int, seed: int = 11) -> list[Canary]:
    """`count` people, the same ones each time, as many on each platform."""
    rng = random.Random(seed)
    words = {MARK + "".join(rng.choices(_SYLLABLES, k=6)) for _ in range(count * 5)}
    assert len(words) >= count * 4, "two people share a word"
    chosen = sorted(words)
    rng.shuffle(chosen)
    people, platforms = [], sorted(PAYLOADS)
    for number in range(count):
        name, mail, handle, word = chosen[number * 4 : number * 4 + 4]
        platform = platforms[number % len(platforms)]
        people.append(Canary(number, platform, name, f"{mail}@mail.example", handle, word))
    return people


def _generic(canary: Canary, post_id: str, text: str | None) -> Payload:
    return {
        "id": post_id,
        "author_id": canary.author_id,
        "author_name": canary.name,
        "author_handle": canary.handle,
        "text": text,
        "created_at": f"{_AT:%Y-%m-%dT%H:%M:%SZ}",
    }


def _x(canary: Canary, post_id: str, text: str | None) -> Payload:
    return {
        "id_str": post_id,
        "created_at": f"{_AT:%a %b %d %H:%M:%S +0000 %Y}",
        "text": text,
        "user": {"id_str": canary.author_id, "screen_name": canary.handle, "name": canary.name},
        "lang": "en",
    }


PAYLOADS: dict[str, Callable[[Canary, str, str | None], Payload]] = {"generic": _generic, "x": _x}
"""Platform -> author, post id, text (None: a post that is rejected) -> what that network gives."""
