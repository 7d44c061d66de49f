"""Finds phrases in any spelling.

Patterns match skeletons and allow leet, signs and spaces between letters, stretched letters and reversal; less of it
for shorter phrases, which resemble much that is harmless.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from alphaads_pipelines.campaigns.text.normalisation import skeleton

_LEET = {
    "a": "[a4@]", "b": "[b8]", "e": "[e3€]", "g": "[g69]", "i": "[il1!|]", "l": "[il1!|]", "m": "(?:m|rn)",
    "o": "[o0]", "s": "[s5$]", "t": "[t7+]", "w": "(?:w|vv)", "z": "[z2]",
    "0": "[0o]", "1": "[1il!|]", "3": "[3e]", "4": "[4a]", "5": "[5s]", "7": "[7t]", "8": "[8b]", "9": "[9g]",
}  # fmt: skip
_SIGNIFICANT = frozenset("%+&$€£#")
"""Signs that must match; others are optional."""

_SIGN = r"(?:[^\w@€!|$+%]|_)"
"""A separator between letters, excluding leet signs to prevent catastrophic backtracking."""

_IN_WORD = _SIGN + "*"
_IN_WHOLE_WORD = rf"(?:(?! ){_SIGN})*"
_BETWEEN_WORDS = rf"(?:(?![.?]\s){_SIGN})*"
"""Not across sentences."""

_STARTS, _ENDS = r"(?<![^\W_]')(?<![^\W_])", r"(?![^\W_])"
_NUMBER = r"\d+"
_STRETCHED = re.compile(r"([^\W\d_])\1{2,}")
_RUN = re.compile(r"(.)\1*")
_SHORT = 4


class Phrases:
    """Phrases searched for together.

    Phrases of three or four letters allow one repeated separator only, of three no reversal; shorter ones, mostly
    numbers, match literally.

    Parameters
    ----------
    phrases: `#` matches any number, a final `*` any ending.
    unbroken: words of harmless parts, matched without spaces inside.
    literal: disables `#` and `*`.
    """

    def __init__(self, *phrases: str, unbroken: Sequence[str] = (), literal: bool = False) -> None:
        found = {each: _pattern(each, f"gap{at}", literal) for at, each in enumerate(phrases)}
        whole_words = [leet(word, _IN_WHOLE_WORD) + _ENDS for word in unbroken]
        self._forwards = _alternatives([*found.values(), *whole_words])
        long = [pattern for phrase, pattern in found.items() if _letter_count(phrase) >= _SHORT]
        self._backwards = _alternatives([*long, *whole_words])

    def found_in(self, text: str) -> bool:
        """Whether a text contains one of the phrases."""
        read = _STRETCHED.sub(r"\1", skeleton(text))
        return bool(self._forwards.search(read) or self._backwards.search(read[::-1]))


@lru_cache(maxsize=1024)
def literal_phrases(phrases: tuple[str, ...]) -> Phrases:
    """Compile phrases without wildcards, cached."""
    return Phrases(*phrases, literal=True)


def leet(word: str, gap: str = "") -> str:
    """Compile a word to a leet pattern with `gap` between letters."""
    parts = []
    for run in _RUN.finditer(word):
        drawn = _LEET.get(run[1], re.escape(run[1]))
        parts.append(drawn if len(run[0]) == 1 else f"{drawn}(?:{gap}{drawn})?")
    return gap.join(parts)


def _alternatives(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile(f"{_STARTS}(?:{'|'.join(patterns) or '(?!)'})")


def _pattern(phrase: str, name: str, literal: bool) -> str:
    words = skeleton(phrase).replace("-", " ").split()
    if _letter_count(phrase) < _SHORT - 1:
        return r"[\s-]*".join(map(_literal_word, words)) + (_ENDS if words and words[-1][-1].isalnum() else "")
    words = [kept for word in words if (kept := "".join(filter(_is_significant, word)))]
    if _letter_count(phrase) <= _SHORT:
        patterns = [_same_gaps(word, f"{name}_{at}") for at, word in enumerate(words)]
    else:
        patterns = [_NUMBER if word == "#" and not literal else leet(word, _IN_WORD) for word in words]
    is_stem = phrase.endswith("*") and not literal
    return _BETWEEN_WORDS.join(patterns) + (_ENDS if words[-1][-1].isalnum() and not is_stem else "")


def _is_significant(each: str) -> bool:
    return each.isalnum() or each in _SIGNIFICANT


def _letter_count(phrase: str) -> int:
    return sum(map(str.isalpha, phrase))


def _literal_word(word: str) -> str:
    return leet(word) if sum(map(str.isalnum, word)) >= _SHORT - 1 else re.escape(word)


def _same_gaps(word: str, name: str) -> str:
    first, *rest = (leet(each) for each in word)
    return first + (f"(?P<{name}>{_SIGN}?)" + f"(?P={name})".join(rest) if rest else "")
