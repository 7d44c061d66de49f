"""Detects responses that quote the prompt, in any spelling, forwards or backwards.

Finds long quotations by shared letter n-grams, codes and field names as phrases.
"""

from __future__ import annotations

import re
from functools import lru_cache

from alphaads_pipelines.campaigns.text.normalisation import skeleton
from alphaads_pipelines.campaigns.text.phrases import Phrases

_RUN_LETTERS = 24
"""Four or five words: ads and instructions share shorter n-grams by chance."""

_CODE = re.compile(r"(?=[^\s`]*[\d_])[^\W_](?:[^\s`]{4,})[^\W_]")
_OTHER = re.compile(r"[^a-z]")
_LETTERS = str.maketrans("013457892i", "oleastbgzl")


class ConfidentialText:
    """A text that ads must not quote, save its `public` parts."""

    def __init__(self, secret: str, public: str = "") -> None:
        self._runs = _runs(secret) - _runs(public)
        self._codes = Phrases(*(each for each in dict.fromkeys(_CODE.findall(secret)) if each not in public))

    def is_quoted_in(self, text: str) -> bool:
        """Whether `text` leaks it."""
        backwards = skeleton(text)[::-1]
        return bool(self._runs & (_runs(text) | _runs(backwards))) or self._codes.found_in(text)


@lru_cache(maxsize=64)
def confidential_text(secret: str, public: str = "") -> ConfidentialText:
    """Return a cached ConfidentialText."""
    return ConfidentialText(secret, public)


def _runs(text: str) -> set[str]:
    letters = _OTHER.sub("", skeleton(text).translate(_LETTERS))
    return {letters[at : at + _RUN_LETTERS] for at in range(len(letters) - _RUN_LETTERS + 1)}
