"""The lexicon tier: VADER (Hutto & Gilbert 2014, ICWSM) with its blind spots mended, and cue words for emotion.

English only: another language gives null, not neutral. Probabilities come from a multinomial logistic regression over
VADER's repaired output, fitted on the SemEval-2017 task 4A training tweets with equal class weights; the constants are
below, `docs/nlp.md` says how well it does.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any, ClassVar

from alphaads_pipelines.nlp.base import Label, Model, Score, Scorer
from alphaads_pipelines.nlp.emoji import PICTURES, VALENCE, emoji_in
from alphaads_pipelines.nlp.emotions import emotion_probabilities
from alphaads_pipelines.nlp.language import LanguageDetector, words_only
from alphaads_pipelines.tables import SENTIMENTS

_LONGEST = 10_000
_CACHE = 20_000

_IDIOMS = {
    "can't stand": "hate", "cannot stand": "hate", "cant stand": "hate", "can not stand": "hate",
    "couldn't stand": "hated", "can't wait": "excited", "cannot wait": "excited", "cant wait": "excited",
    "can not wait": "excited", "fed up": "annoyed", "let me down": "disappointed me", "let down": "disappointed",
    "waste of money": "terrible", "waste of time": "terrible", "sick of": "annoyed by", "tired of": "annoyed by",
    "never again": "terrible", "couldn't be happier": "very happy", "could not be happier": "very happy",
    "makes my day": "delights me", "made my day": "delighted me", "no thanks": "refuse", "falls apart": "fails",
    "fell apart": "failed", "rip off": "scam", "rip-off": "scam", "blew my mind": "amazing", "not bad": "good",
}  # fmt: skip
_IDIOM = re.compile(r"\b(" + "|".join(re.escape(idiom) for idiom in _IDIOMS) + r")\b", re.IGNORECASE)
_IDIOM_HINT = re.compile(r"stand|wait|fed|let|waste|of|again|be h|day|thanks|apart|rip|mind|bad", re.IGNORECASE)
_NOISE = re.compile(r"https?://\S+|www\.\S+|[@＠]\w+|[\u200b\u200c\u2060\ufeff\u202a-\u202e\u2066-\u2069\x00]")

# Rows: negative, neutral, positive; columns: 1, compound, compound^2, negative share, positive share.
_WEIGHTS = (
    (-0.284, -0.795, -0.296, 4.828, 0.516),
    (0.584, 0.113, -0.409, -2.372, -2.238),
    (-0.300, 0.681, 0.704, -2.455, 1.722),
)

_TOKENS = {each: f"emoji{ord(each):x}q" for each in VALENCE}
_NOT_IN_TIER = dict.fromkeys(("tweet_emotion", "intent", "offensive", "entities"), "not_in_tier")


def _unsaid(reason: str) -> dict[str, str]:
    return {"sentiment": reason, "emotion": reason, **_NOT_IN_TIER}


class LexiconScorer(Scorer):
    """VADER, mended. Deterministic; a text scores the same alone and in any batch."""

    tier: ClassVar[str] = "lexicon"

    def __init__(self) -> None:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        self._vader: Any = SentimentIntensityAnalyzer()
        self._vader.emojis = {}  # emoji are read by our own table, as words with our valences
        self._vader.lexicon.update({token: VALENCE[each] for each, token in _TOKENS.items()})
        self._languages = LanguageDetector()
        self._cache: dict[str, Score] = {}

    @property
    def model(self) -> Model:
        """VADER's name and the version of our repairs."""
        return Model("vader-mended", "1")

    def score(self, texts: Sequence[str]) -> list[Score]:
        """One score per text; repeated texts (reposts) are scored once."""
        if len(self._cache) > _CACHE:
            self._cache.clear()
        return [self._cache.get(text) or self._remember(text) for text in texts]

    def _remember(self, text: str) -> Score:
        score = self._cache[text] = self._score(text)
        return score

    def _score(self, text: str) -> Score:
        plain = _NOISE.sub(" ", html.unescape(text[:_LONGEST]) if "&" in text else text[:_LONGEST])
        emoji = emoji_in(plain)
        words = PICTURES.sub(" ", plain) if not plain.isascii() else plain
        language, confidence = self._languages.detect(words)
        reasons = {} if language else {"language": "too_uncertain" if confidence else "too_short"}
        if language not in (None, "en"):
            return _score(language, confidence, None, None, _unsaid("unsupported_language"))
        if language is None and self._is_foreign(words):
            return _score(None, confidence, None, None, {**reasons, **_unsaid("language_unknown")})
        if not emoji and not words.strip():
            return _score(None, None, None, None, {**reasons, **_unsaid("empty_text")})
        mended = _mend(words)
        emotion = emotion_probabilities(mended.lower().replace("’", "'"), emoji)
        reasons |= _NOT_IN_TIER if emotion else {"emotion": "no_emotion_cue", **_NOT_IN_TIER}
        return _score(language, confidence, self._sentiment(mended, emoji), emotion, reasons)

    def _is_foreign(self, words: str) -> bool:
        # Too short to name a language: English if VADER knows one of its words, or if there are no words at all.
        found = words_only(words).lower().split()
        return bool(found) and not any(word in self._vader.lexicon for word in found)

    def _sentiment(self, words: str, emoji: list[str]) -> dict[str, float]:
        said = self._vader.polarity_scores(" ".join([words, *(_TOKENS[each] for each in emoji)]))
        if emoji and sum(VALENCE[each] for each in emoji) < 0 < said["pos"]:
            # "great" and a pouting face: the face says what the word meant.
            said = self._vader.polarity_scores(" ".join(_TOKENS[each] for each in emoji))
        return _probabilities(said["compound"], said["neg"], said["pos"])


def _mend(words: str) -> str:
    words = words.replace("’", "'")
    if not _IDIOM_HINT.search(words):
        return words
    return _IDIOM.sub(lambda found: _IDIOMS[found.group(1).lower()], words)


def _probabilities(compound: float, negative: float, positive: float) -> dict[str, float]:
    features = (1.0, compound, compound * compound, negative, positive)
    logits = [sum(w * x for w, x in zip(row, features, strict=True)) for row in _WEIGHTS]
    top = max(logits)
    exponents = [math.exp(logit - top) for logit in logits]
    total = sum(exponents)
    return dict(zip(SENTIMENTS, (each / total for each in exponents), strict=True))


def _score(
    language: str | None,
    confidence: float | None,
    sentiment: dict[str, float] | None,
    emotion: dict[str, float] | None,
    reasons: dict[str, str],
) -> Score:
    labels = [probs and Label(max(probs, key=probs.__getitem__), probs) for probs in (sentiment, emotion)]
    return Score(language, confidence, labels[0] or None, labels[1] or None, None, None, None, None, reasons)
