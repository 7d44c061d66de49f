"""VADER (Hutto & Gilbert 2014, ICWSM) over a list of words: its package's lexicon and constants, our own rules.

Same results as the package, quirks included (tests compare them), in a third of the time.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

_BEFORE, _AFTER = 3, 2
_FADING = (1.0, 0.95, 0.9)
_EMOTICON = 2
"""Words up to this length keep their punctuation, as emoticons."""
_NEVER_SO = 1.25
_BEFORE_BUT, _AFTER_BUT = 0.5, 1.5


@dataclass(frozen=True, slots=True)
class Polarity:
    """VADER's result: compound -1 to 1, and the weight in words of negative and positive parts."""

    compound: float
    negative: float
    positive: float


NO_POLARITY = Polarity(0.0, 0.0, 0.0)


class Vader:
    """VADER's lexicon (7,500 words) and rules; `more` valences extend or override the lexicon."""

    def __init__(self, more: Mapping[str, float] | None = None) -> None:
        self._package: Any = import_module("vaderSentiment.vaderSentiment")
        analyzer = self._package.SentimentIntensityAnalyzer()
        self.lexicon: dict[str, float] = {**analyzer.lexicon, **(more or {})}
        self._boosters: dict[str, float] = self._package.BOOSTER_DICT
        self._phrases: dict[str, float] = self._package.SPECIAL_CASES
        self._negations = frozenset(self._package.NEGATE)
        self._turned: float = self._package.N_SCALAR
        self._loud: float = self._package.C_INCR
        self._shifting = self._negations.union(self._boosters, ("no", "least", "this"))
        phrases = [*self._phrases, *(phrase for phrase in self._boosters if " " in phrase)]
        self._telling = frozenset(["no", *(max(phrase.split(), key=len) for phrase in phrases)])

    def split(self, text: str) -> tuple[list[str], bool]:
        """Split a text into VADER's words and emoticons; also whether only some are in capitals."""
        words = [word if word.isalnum() else _stripped(word) for word in text.split()]
        return words, 0 < sum(map(str.isupper, words)) < len(words)

    def polarity(
        self, words: list[str], lower: list[str], shouting: bool, text: str, more: Sequence[float] = ()
    ) -> Polarity:
        """Polarity of a text.

        Parameters
        ----------
        words, shouting: from `split`; lower: the words in lower case.
        text: source of the exclamation and question marks.
        more: additional valences, as of emoji.
        """
        lexicon, silent = self.lexicon, self._boosters
        places = [place for place, word in enumerate(lower) if word in lexicon and word not in silent]
        if not places and not more:
            return NO_POLARITY
        valences = [self._valence(words, lower, place, shouting) for place in places]
        if "but" in lower:
            _contrast(valences, places, lower.index("but"))
        return self._summed([*valences, *more], len(words) + len(more), _emphasis(text))

    def _valence(self, words: list[str], lower: list[str], place: int, shouting: bool) -> float:
        start = max(0, place - _BEFORE)
        before = lower[start:place]
        if (
            (shouting and words[place].isupper())
            or not self._shifting.isdisjoint(before)
            or not self._telling.isdisjoint(lower[start : place + 1 + _AFTER])
            or "n't" in " ".join(before)
        ):
            return self._shifted(words, lower, place, shouting)
        return self.lexicon[lower[place]]

    def _shifted(self, words: list[str], lower: list[str], place: int, shouting: bool) -> float:
        word, after = lower[place], lower[place + 1 : place + 1 + _AFTER]
        if word == "kind" and after[:1] == ["of"]:
            return 0.0
        before = [lower[place - distance] if distance <= place else "" for distance in range(1, _BEFORE + 1)]
        valence = self._said_no(word, before, after)
        if shouting and words[place].isupper():
            valence += self._loud if valence > 0 else -self._loud
        for distance, near in enumerate(before[:place], 1):
            if near in self.lexicon:
                continue
            valence += _FADING[distance - 1] * self._boost(words[place - distance], near, valence, shouting)
            valence *= self._turn(before, distance)
            if distance == _BEFORE:
                valence = self._phrased(valence, word, before, after)
        if before[0] == "least" and before[0] not in self.lexicon and before[1] not in ("at", "very"):
            valence *= self._turned
        return valence

    def _said_no(self, word: str, before: list[str], after: list[str]) -> float:
        one, two, three = before
        if "no" in (one, two) or (three == "no" and one in ("or", "nor")):
            return self.lexicon[word] * self._turned
        return 0.0 if word == "no" and after and after[0] in self.lexicon else self.lexicon[word]

    def _boost(self, near: str, lower: str, valence: float, shouting: bool) -> float:
        boost = self._boosters.get(lower, 0.0)
        if boost and valence < 0:
            boost = -boost
        if boost and shouting and near.isupper():
            boost += self._loud if valence > 0 else -self._loud
        return boost

    def _turn(self, before: list[str], distance: int) -> float:
        far, nearer = before[distance - 1], before[: distance - 1]
        # At three words VADER takes an adjacent "so" or "this" for "never so", with or without a "never".
        stressed = before[0] in ("so", "this") if distance == _BEFORE else False
        if stressed or (far == "never" and nearer and nearer[-1] in ("so", "this")):
            return _NEVER_SO
        if far == "without" and "doubt" in nearer:
            return 1.0
        return self._turned if far in self._negations or "n't" in far else 1.0

    def _phrased(self, valence: float, word: str, before: list[str], after: list[str]) -> float:
        one, two, three = before
        pair, triple, farther = f"{two} {one}", f"{three} {two} {one}", f"{three} {two}"
        behind = (f"{one} {word}", f"{two} {one} {word}", pair, triple, farther)
        valence = next((self._phrases[phrase] for phrase in behind if phrase in self._phrases), valence)
        for words in range(1, len(after) + 1):
            valence = self._phrases.get(" ".join([word, *after[:words]]), valence)
        return valence + sum(self._boosters.get(phrase, 0.0) for phrase in (triple, farther, pair))

    def _summed(self, valences: list[float], words: int, emphasis: float) -> Polarity:
        """Sum as VADER does: a word with valence weighs one plus it, any other weighs one."""
        total = sum(valences)
        negative = sum([1.0 - valence for valence in valences if valence < 0])
        positive = sum([1.0 + valence for valence in valences if valence > 0])
        silent = words - sum([valence != 0 for valence in valences])
        if total != 0:
            total += emphasis if total > 0 else -emphasis
        if positive > negative:
            positive += emphasis
        elif positive < negative:
            negative += emphasis
        share = words / (positive + negative + silent)
        return Polarity(self._package.normalize(total), negative * share, positive * share)


def _stripped(word: str) -> str:
    bare = word.strip(string.punctuation)
    return word if len(bare) <= _EMOTICON else bare


def _contrast(valences: list[float], places: list[int], but: int) -> None:
    """Halve valences before "but", raise those after it; like VADER, of equal valences only the first changes."""
    for each in range(len(valences)):
        first = valences.index(valences[each])
        if places[first] != but:
            valences[first] *= _BEFORE_BUT if places[first] < but else _AFTER_BUT


def _emphasis(text: str) -> float:
    questions = text.count("?")
    asked = 0.0 if questions < 2 else 0.18 * questions if questions <= 3 else 0.96
    return 0.292 * min(text.count("!"), 4) + asked
