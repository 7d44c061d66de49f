"""A text as it is read: by an eye, for rules; and without tricks, for models."""

from __future__ import annotations

import unicodedata

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
"""Characters that are seen as nothing, though their category is that of letters, marks or symbols."""

_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})
"""Scripts whose letters are drawn alike; no word of any language mixes them."""

_ALIKE = str.maketrans(
    "авсԁегһіјӏкмոорԛѕтսѵԝхуıɑɡłøαβεικνορτυχ‐‑‒–—−’‘ʼ′❗❕❣ǃ",
    "abcderhijlkmnopqstuvwxyiagloabeiknoptux------''''!!!!",
)
"""Look-alikes from Unicode's confusables (UTS 39) -> what the rules are written in."""


def as_read(text: str) -> str:
    """The text as an eye takes it: compatibility forms, accents, case, look-alikes and spaces made one."""
    bare = "".join(
        each for each in unicodedata.normalize("NFKD", text) if not unicodedata.category(each).startswith("M")
    )
    return " ".join(unicodedata.normalize("NFKC", bare).casefold().translate(_ALIKE).split())


def normalised(text: str) -> str:
    """The text for a model: compatibility forms and spaces made one; accents and case stay, they carry meaning."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def has_hidden_characters(text: str) -> bool:
    """Whether something in the text is not seen."""
    return any(each in _BLANK_LETTERS or unicodedata.category(each) in _HIDDEN_CATEGORIES for each in text)


def mixes_scripts(text: str) -> bool:
    """Whether a word is made of letters of scripts that look alike."""
    return any(len(_scripts_of(word)) > 1 for word in unicodedata.normalize("NFKC", text).split())


def _scripts_of(word: str) -> set[str]:
    return {unicodedata.name(each, "").split(" ")[0] for each in word if each.isalpha()} & _SCRIPTS
