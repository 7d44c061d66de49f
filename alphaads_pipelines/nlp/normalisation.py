"""Normalises a post for the neural models, keeping character offsets into it.

Mentions become one sign; links and invisible characters go; emoji and a hashtag's words are separated; HTML entities
are decoded; letters repeat at most twice. Accepts any string.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right

import msgspec

from alphaads_pipelines.nlp.emoji import PICTURES
from alphaads_pipelines.nlp.text import CONTROL, INVISIBLE, LONGEST

MENTION = "👤"
"""Placeholder for mentions: a rare emoji."""

_SURROGATE = "\ud800-\udfff"
_EDIT = re.compile(
    rf"(?P<entity>&(?:\#\d{{1,7}}|\#[xX][0-9a-fA-F]{{1,6}}|[a-zA-Z]\w{{1,31}});)"
    rf"|(?P<link>(?:https?://|www\.)\S+)"
    rf"|(?P<mention>(?<!\w)[@＠]\w+)"
    rf"|(?P<hashtag>[\#＃]\w*[^\W\d]\w*)"
    rf"|(?P<picture>{PICTURES.pattern[:-1]})"
    rf"|(?P<invisible>[{INVISIBLE}]+)"
    rf"|(?P<control>[{CONTROL}{_SURROGATE}])"
    r"|(?P<quote>[‘’])"
    r"|(?P<repeat>(?P<letter>[^\W\d_])(?P=letter){2,}|(?P<mark>[!?.…,~*_=+\-])(?P=mark){2,})",
    re.IGNORECASE,
)
_HASHTAG_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\dA-Z_]+|\d+")
_SURROGATES = re.compile(f"[{_SURROGATE}]")


class Normal(msgspec.Struct, frozen=True):
    """A normalised text; `edits` are replaced ranges (start and end, here and in the post)."""

    text: str
    edits: list[tuple[int, int, int, int]]

    def span_in_post(self, start: int, end: int) -> tuple[int, int]:
        """Map a range of the normalised text to the post."""
        return self._place(start, False), self._place(end, True)

    def _place(self, at: int, is_end: bool) -> int:
        """An end maps with the character before it; a position inside a replacement maps to all of it."""
        looked_at = at - 1 if is_end else at
        number = bisect_right(self.edits, looked_at, key=lambda edit: edit[0]) - 1
        if number < 0:
            return at
        _, here_end, there, there_end = self.edits[number]
        if looked_at < here_end:
            return there_end if is_end else there
        return there_end + at - here_end


def normalise(text: str) -> Normal:
    """Normalise the first `LONGEST` characters of a text."""
    text = text[:LONGEST]
    pieces: list[str] = []
    edits: list[tuple[int, int, int, int]] = []
    done = length = 0
    for match in _EDIT.finditer(text):
        start, end = match.span()
        pieces.append(text[done:start])
        length += start - done
        for new, at, until in _replacements(match):
            pieces.append(new)
            edits.append((length, length + len(new), at, until))
            length += len(new)
        done = end
    pieces.append(text[done:])
    return Normal("".join(pieces), edits)


def _replacements(match: re.Match[str]) -> list[tuple[str, int, int]]:
    """List a match's parts: (new text, start and end in the post)."""
    start, end = match.span()
    kind, old = match.lastgroup, match.group()
    if kind == "hashtag":
        return _hashtag(old, start)
    if kind == "entity":
        return [(_entity(old), start, end)]
    return [(_REPLACED[kind or ""](old), start, end)]


def _entity(old: str) -> str:
    return PICTURES.sub(r" \g<0> ", _SURROGATES.sub(" ", html.unescape(old)))


def _repeat(old: str) -> str:
    return old[:2] if old[0].isalpha() else old[:3]


_REPLACED = {
    "link": lambda _: " ",
    "mention": lambda _: f" {MENTION} ",
    "picture": lambda old: f" {old} ",
    "invisible": lambda _: "",
    "control": lambda _: " ",
    "quote": lambda _: "'",
    "repeat": _repeat,
}


def _hashtag(old: str, start: int) -> list[tuple[str, int, int]]:
    """Turn `#GoodMorning` into `# Good Morning`."""
    parts = [(0, 1), *(part.span() for part in _HASHTAG_PARTS.finditer(old, 1))]
    words = [(f" {old[at:until]} ", start + at, start + until) for at, until in parts]
    # Trailing underscores belong to no word, but later offsets must align.
    return [*words, ("", start + len(old), start + len(old))]
