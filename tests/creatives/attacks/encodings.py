"""Encodings that people or programs can read, but a word list does not match; all deterministic.

Pairs combine two encodings reversibly: letters change first, then separators, then order, then packing.
"""

from __future__ import annotations

import base64
import string
import unicodedata
from collections.abc import Callable
from itertools import product
from random import Random
from urllib.parse import quote

Encoding = Callable[[str], str]

_CYRILLIC = str.maketrans("aceopxyijsABCEHIJKMOPSTXY", "асеорхуіјѕАВСЕНІЈКМОРЅТХУ")
_GREEK = str.maketrans("aikoptuvxABEHIKMNOPTXYZ", "αικορτυνχΑΒΕΗΙΚΜΝΟΡΤΧΥΖ")
_LEET = str.maketrans("aeiostbgAEIOSTBG", "4310578943105789")


def _letters(first: int) -> Encoding:
    """The mathematical alphabet that begins there."""
    table = {ord(each): first + number for number, each in enumerate(string.ascii_uppercase + string.ascii_lowercase)}
    return lambda text: text.translate(table)


def _full_width(text: str) -> str:
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


def _circled(text: str) -> str:
    return "".join(chr(ord(each) - ord("a") + 0x24D0) if "a" <= each <= "z" else each for each in text.lower())


def _mixed(text: str) -> str:
    """Replace about every second letter by a look-alike of another script."""
    random = Random(text)
    return "".join(random.choice((each, each.translate(_CYRILLIC), each.translate(_GREEK))) for each in text)


def _leet_vowels(text: str) -> str:
    return "".join(each.translate(_LEET) if each in "aeio" else each for each in text)


def _leet_signs(text: str) -> str:
    return text.translate(str.maketrans("aiselt", "@!$€|+"))


def _between(mark: str) -> Encoding:
    """Put a mark between the letters of each word."""
    return lambda text: " ".join(mark.join(word) for word in text.split(" "))


def _spaced(text: str) -> str:
    return "   ".join(" ".join(word) for word in text.split(" "))


def _in_the_middle(mark: str) -> Encoding:
    return lambda text: " ".join(word[: len(word) // 2] + mark + word[len(word) // 2 :] for word in text.split(" "))


def _accented(text: str) -> str:
    return unicodedata.normalize("NFC", "".join(each + "\u0301" if each.isalpha() else each for each in text))


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _base64_url(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


LETTERS: dict[str, Encoding] = {
    "cyrillic": lambda text: text.translate(_CYRILLIC),
    "greek": lambda text: text.translate(_GREEK),
    "two_scripts": _mixed,
    "full_width": _full_width,
    "bold": _letters(0x1D400),
    "fraktur": _letters(0x1D56C),
    "monospace": _letters(0x1D670),
    "circled": _circled,
    "accents": _accented,
    "strokes": lambda text: "".join(each + "\u0336" if each.isalpha() else each for each in text),
    "leet": lambda text: text.translate(_LEET),
    "leet_vowels": _leet_vowels,
    "leet_signs": _leet_signs,
}
BETWEEN: dict[str, Encoding] = {
    "zero_width": _between("\u200b"),
    "joiner_once": _in_the_middle("\u200d"),
    "soft_hyphen": _in_the_middle("\u00ad"),
    "spaces": _spaced,
    "full_stops": _between("."),
    "hyphens": _between("-"),
    "underscores": _between("_"),
    "hyphen_once": _in_the_middle("-"),
}
ORDER: dict[str, Encoding] = {
    "right_to_left": lambda text: f"\u202e{text[::-1]}\u202c",
    "isolate": lambda text: f"\u2067{text[::-1]}\u2069",
    "backwards": lambda text: text[::-1],
}
PACKED: dict[str, Encoding] = {
    "base64": _base64,
    "base64_url": _base64_url,
    "entities": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "hexadecimal_entities": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent_signs": lambda text: quote(text, safe="").replace(".", "%2E"),
}
_STAGES = (LETTERS, BETWEEN, ORDER, PACKED)

SINGLE: dict[str, Encoding] = {"none": lambda text: text, **LETTERS, **BETWEEN, **ORDER, **PACKED}


def _after(first: Encoding, then: Encoding) -> Encoding:
    return lambda text: then(first(text))


PAIRS: dict[str, Encoding] = {
    f"{name}+{other}": _after(first, then)
    for number, stage in enumerate(_STAGES)
    for later in _STAGES[number + 1 :]
    for (name, first), (other, then) in product(stage.items(), later.items())
}
