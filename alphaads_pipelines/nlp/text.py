"""Cleans a post's text: decodes entities, removes links, mentions and invisible characters, separates emoji."""

from __future__ import annotations

import html
import re

from alphaads_pipelines.nlp.emoji import PICTURES

LONGEST = 10_000
"""Characters read of a text."""

_NO_CHARACTER = re.compile(r"&#\d{8,}")  # html.unescape raises where the number is too long for int()
_LINK = re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE)
_MENTION = re.compile(r"[@＠]\w+")
CONTROL = "\x00-\x1f\x7f-\x9f\u2028\u2029"
INVISIBLE = (
    "\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"
)
"""Unicode's Default_Ignorable_Code_Point, including emoji joiners and variation selectors. Like `CONTROL`, the inside
of a regular expression class."""

_CONTROL, _INVISIBLE = re.compile(f"[{CONTROL}]"), re.compile(f"[{INVISIBLE}]")


def readable(text: str) -> tuple[str, str]:
    """Split a text into its words, with punctuation, and its emoji.

    Links, mentions and invisible characters, which could split a word, are removed; control characters become spaces.
    Accepts any string; lone surrogates are kept.
    """
    text = text[:LONGEST]
    if "&" in text:
        text = html.unescape(_NO_CHARACTER.sub(" ", text))
    if not text.isprintable():
        text = _CONTROL.sub(" ", text)
    ascii_only = text.isascii()
    if not ascii_only:
        text = _INVISIBLE.sub("", text).replace("’", "'").replace("‘", "'")
    if "://" in text or "www." in text:
        text = _LINK.sub(" ", text)
    if "@" in text or not ascii_only:
        text = _MENTION.sub(" ", text)
    pictures = [] if ascii_only else PICTURES.findall(text)
    return (PICTURES.sub(" ", text) if pictures else text), "".join(pictures)
