"""Normalises texts, and detects hidden characters and mixed scripts.

Follows Unicode's security mechanisms (UTS 39): skeletons of confusables, one script per word, and only scripts
recommended for general use (UAX 31, table 5).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
"""Invisible characters categorised as letters, marks or symbols."""

_JOINERS = frozenset("\u200c\u200d")
"""Zero-width characters that emoji and some scripts need."""

_ALIKE_SCRIPTS = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN"})
_BESIDE_LATIN = frozenset({"BOPOMOFO", "CJK", "HANGUL", "HIRAGANA", "IDEOGRAPHIC", "KATAKANA", "KATAKANA-HIRAGANA"})
"""Scripts, as first words of letter names, that may share a word with Latin."""

_SCRIPTS = _ALIKE_SCRIPTS | frozenset(
    "ARABIC BENGALI DEVANAGARI ETHIOPIC GEORGIAN GUJARATI GURMUKHI HEBREW KANNADA KHMER LAO MALAYALAM MYANMAR ORIYA "
    "SINHALA TAMIL TELUGU THAANA THAI TIBETAN".split()
)
_WORD = re.compile(r"[^\W\d_]+")
_UNIT = re.compile(r"(?<![^\W\d_])(?:μ[a-zA-Z]{1,2}|[mkMG]Ω)(?![^\W\d_])")
"""Harmless words of two scripts, such as micrometres and kilohms."""

_DRAWN_AS = {
    "a": "аαɑΛ", "b": "вьβ", "c": "сς", "d": "ԁ", "e": "еэєҽεΣ", "f": "ғ", "g": "ց", "h": "нһհΗ", "i": "іιւɩ",
    "j": "јյ", "k": "кκ", "l": "ӏլ丨ㅣ", "m": "мΜ", "n": "пИηըոռŋΝ", "o": "оөοσօ〇ㅇ", "p": "рρք", "q": "ԛգզ",
    "r": "гя", "s": "ѕ", "t": "тτ", "u": "ицυμս", "v": "ѵν", "w": "шщѡԝωա", "x": "хχ", "y": "уγΥ", "z": "ζ",
    "-": "‐‑‒–—−", "'": "’‘ʼ′", "!": "❗❕❣ǃ",
}  # fmt: skip
"""Latin letter -> look-alikes of other scripts, from Unicode's confusables."""

_NAMED = re.compile(r".*\b(?:LATIN|REGIONAL INDICATOR) .*\bLETTER (?:[A-Z-]{2,} )*([A-Z])(?: WITH .*)?$")
"""Names of Latin letters that Unicode does not decompose: small capitals, turned, stroked, boxed."""


class _Drawn(dict[int, str]):
    """Character -> its plain look-alike, computed lazily."""

    def __missing__(self, codepoint: int) -> str:
        each = chr(codepoint)
        match = None if each.isascii() else _NAMED.match(unicodedata.name(each, ""))
        digit = unicodedata.digit(each, None)
        self[codepoint] = match[1].lower() if match else each if digit is None else str(digit)
        return self[codepoint]


_DRAWN = _Drawn({ord(each): plain for plain, alike in _DRAWN_AS.items() for each in alike})


@lru_cache(maxsize=256)
def skeleton(text: str) -> str:
    """Fold compatibility forms, accents, case, look-alikes and spaces."""
    bare = "".join(
        each for each in unicodedata.normalize("NFKD", text) if not unicodedata.category(each).startswith("M")
    )
    drawn = unicodedata.normalize("NFKC", bare).translate(_DRAWN).casefold().translate(_DRAWN)
    return " ".join(drawn.split())


def normalise(text: str) -> str:
    """Fold compatibility forms and spaces; keep accents and case, which matter to models."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def has_hidden_characters(text: str) -> bool:
    """Whether a text contains invisible characters."""
    return not (text.isascii() and text.isprintable()) and any(
        _is_hidden(each) and not (each in _JOINERS and _are_joined(text[max(0, at - 1) : at], text[at + 1 : at + 2]))
        for at, each in enumerate(text)
    )


def _is_hidden(each: str) -> bool:
    return each in _BLANK_LETTERS or unicodedata.category(each) in _HIDDEN_CATEGORIES


def _are_joined(before: str, after: str) -> bool:
    """Whether both are emoji or letters of scripts that need joiners."""
    return all(
        each == "\ufe0f"
        or unicodedata.category(each) in {"So", "Sk"}
        or (unicodedata.category(each)[0] in "LM" and _script(each) in _SCRIPTS - _ALIKE_SCRIPTS)
        for each in (before or " ", after or " ")
    )


def mixes_scripts(text: str) -> bool:
    """Whether a word mixes scripts or uses an uncommon one."""
    return not text.isascii() and any(
        len(scripts) > 1 or not scripts <= _SCRIPTS for scripts in map(_scripts_of, _words_of(text))
    )


def _words_of(text: str) -> list[str]:
    bare = "".join(each for each in unicodedata.normalize("NFKC", text) if unicodedata.category(each)[0] != "M")
    return _WORD.findall(_UNIT.sub(" ", bare))


def _scripts_of(word: str) -> set[str]:
    return {_script(each) for each in word} - _BESIDE_LATIN - {"MODIFIER"}


@lru_cache(maxsize=4096)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0]
