"""Whether a language model's answer quotes what it was told in confidence: its instructions, the brand's manner.

Long quotations are found by what they share letter by letter, codes and names of fields as phrases; both however they
are spelled, forwards or backwards.
"""

from __future__ import annotations

import re
from functools import lru_cache

from alphaads_pipelines.campaigns.text.normalisation import as_read
from alphaads_pipelines.campaigns.text.phrases import Phrases

_SHARED = 24
"""Letters in a row, four or five words: instructions and ads are about the same things, so less is chance."""

_CODE = re.compile(r"(?=[^\s`]*[\d_])[^\W_](?:[^\s`]{4,})[^\W_]")
_OTHER = re.compile(r"[^a-z]")
_LETTERS = str.maketrans("013457892i", "oleastbgzl")


class Confidence:
    """What was told in confidence.

    Parameters
    ----------
    said: the words. known: what the ad may say all the same.
    """

    def __init__(self, said: str, known: str = "") -> None:
        self._runs = _runs(said) - _runs(known)
        self._codes = Phrases(*(each for each in dict.fromkeys(_CODE.findall(said)) if each not in known))

    def is_broken_by(self, text: str) -> bool:
        """Whether a text quotes it."""
        backwards = as_read(text)[::-1]
        return bool(self._runs & (_runs(text) | _runs(backwards))) or self._codes.said_in(text)


@lru_cache(maxsize=64)
def confidence(said: str, known: str = "") -> Confidence:
    """The same, made once."""
    return Confidence(said, known)


def _runs(text: str) -> set[str]:
    letters = _OTHER.sub("", as_read(text).translate(_LETTERS))
    return {letters[at : at + _SHARED] for at in range(len(letters) - _SHARED + 1)}
